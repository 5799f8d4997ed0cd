/**
 * The devices by which a gang's bridge on this host reaches those on its other hosts. Each has its peers fixed and learns
 * none. What a device was made for stands in its alias, written when it is whole: one without, or with another, is made
 * anew, and one of this host id that no gang has any more is removed, whoever left it.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import type { HostId } from "@remotegpu/shared/values/ids";
import { forwardings, USUAL_MTU, type HostGang } from "../../core/gangs/gang-plan.ts";
import { RuntimeError } from "../docker/runtime-error.ts";
import { runTool } from "./network-tool.ts";

const WHY = { why: "the hosts of a gang do not reach each other" };
/** So that one of an agent that is gone is told from everybody else's. */
const PREFIX = "rgx";

const Devices = z.array(
  z.object({
    ifname: z.string(),
    mtu: z.int(),
    flags: z.array(z.string()),
    master: z.string().optional(),
    ifalias: z.string().optional(),
    linkinfo: z.object({ info_data: z.object({ id: z.int(), port: z.int() }) }),
  }),
);
type Device = z.infer<typeof Devices>[number];

const Routes = z.array(
  z.object({ dev: z.string(), metrics: z.array(z.object({ mtu: z.int().optional() })).optional() }),
);
const Links = z.array(z.object({ mtu: z.int() }));

/** Of a gang with other hosts: what is to be there, and where. */
export type Link = { gang: HostGang; mtu: number; bridge: string };

/** The size of packets on the way to each of the other hosts. @throws RuntimeError */
export async function mtusTo({ peers }: HostGang): Promise<number[]> {
  return Promise.all(peers.map(({ host }) => mtuTo(host)));
}

/** A host to which there is no way is found out by whoever tries to reach its ranks, who can name them. */
async function mtuTo(host: string): Promise<number> {
  try {
    const [route] = Routes.parse(JSON.parse(await runTool("ip", ["-j", "route", "get", host], WHY)));
    if (route === undefined) return USUAL_MTU;
    const [link] = Links.parse(
      JSON.parse(await runTool("ip", ["-j", "link", "show", "dev", route.dev], WHY)),
    );
    const ofRoute = (route.metrics ?? []).flatMap(({ mtu }) => (mtu === undefined ? [] : [mtu]));
    return Math.min(link?.mtu ?? USUAL_MTU, ...ofRoute);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return USUAL_MTU;
  }
}

/** Makes what is missing, makes anew what is another, and removes what is too many. @throws RuntimeError */
export async function keepLinks(hostId: HostId, links: readonly Link[]): Promise<void> {
  const devices = await ownDevices().catch((error: unknown) => {
    // Whoever cannot tell them could not make any, either.
    if (links.length > 0 || !(error instanceof RuntimeError)) throw error;
    return [];
  });
  const wanted = new Set(links.map((link) => deviceName(hostId, link.gang)));
  const isLeft = ({ ifname, ifalias }: Device) =>
    !wanted.has(ifname) && ifalias?.startsWith(`${ownerOf(hostId)} `) === true;
  for (const { ifname } of devices.filter(isLeft)) await remove(ifname);
  for (const link of links) await keep(hostId, link, devices);
}

async function keep(hostId: HostId, link: Link, devices: readonly Device[]): Promise<void> {
  const name = deviceName(hostId, link.gang);
  const alias = `${ownerOf(hostId)} ${markOf(link)}`;
  const found = devices.find(({ ifname }) => ifname === name);
  if (found !== undefined && isWhole(found, link, alias)) return;
  const { id, udpPort } = link.gang;
  // The kernel has one of an id and a port: also one that another life of this host left behind is in the way.
  for (const { ifname, linkinfo } of devices)
    if (ifname === name || (linkinfo.info_data.id === id && linkinfo.info_data.port === udpPort))
      await remove(ifname);
  // Too large a packet is to be lost, and so found out, and not taken apart on its way.
  const kind = `type vxlan id ${id} dstport ${udpPort} nolearning df set`;
  await ip([`link add ${name} mtu ${link.mtu} ${kind}`, `link set ${name} addrgenmode none`]);
  const entries = forwardings(link.gang).map(({ mac, host }) => `fdb append ${mac} dev ${name} dst ${host}`);
  await runTool("bridge", ["-batch", "-"], { input: `${entries.join("\n")}\n`, ...WHY });
  await ip([
    `link set ${name} master ${link.bridge}`,
    `link set ${link.bridge} mtu ${link.mtu}`,
    `link set ${name} up`,
    `link set ${name} alias "${alias}"`,
  ]);
}

function isWhole(device: Device, { mtu, bridge }: Link, alias: string): boolean {
  return (
    device.ifalias === alias && device.master === bridge && device.mtu === mtu && device.flags.includes("UP")
  );
}

async function ownDevices(): Promise<Device[]> {
  const text = await runTool("ip", ["-j", "-d", "link", "show", "type", "vxlan"], WHY);
  const all: unknown[] = text === "" ? [] : z.array(z.unknown()).parse(JSON.parse(text));
  // Others may be made in ways of which nothing is known here.
  return all.flatMap((one) => {
    const device = Devices.element.safeParse(one);
    return device.success && device.data.ifname.startsWith(PREFIX) ? [device.data] : [];
  });
}

async function remove(name: string): Promise<void> {
  await ip([`link delete ${name}`]);
}

/** In one process, one after the other. */
async function ip(commands: readonly string[]): Promise<void> {
  await runTool("ip", ["-batch", "-"], { input: `${commands.join("\n")}\n`, ...WHY });
}

/** At most 15 characters, as the kernel allows. */
export function deviceName(hostId: HostId, { id }: Pick<HostGang, "id">): string {
  return `${PREFIX}${digest([hostId, id]).slice(0, 12)}`;
}

function ownerOf(hostId: HostId): string {
  return `remotegpu ${hostId}`;
}

function markOf({ gang, mtu, bridge }: Link): string {
  return digest([gang, mtu, bridge]).slice(0, 32);
}

function digest(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
