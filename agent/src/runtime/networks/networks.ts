/**
 * One bridge per workspace on this host, taken with its first container and removed with its last. Containers of
 * one workspace reach each other and the outside; not other workspaces, not the host. Making a bridge takes the runtime
 * longer than all else of a start but the start itself, so one is kept ready. Which workspace a bridge is of stands on its
 * containers, and one that has served a workspace serves no other. A gang has a bridge of its own likewise, of which every
 * number is given; it may reach the gang's other hosts.
 */
import { createHash, randomBytes } from "node:crypto";
import { isIPv4 } from "node:net";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { BRIDGE_LABEL, LABEL, networkLabel } from "../../core/container/container.ts";
import { hostGangOf, mtuOver, type HostGang } from "../../core/gangs/gang-plan.ts";
import { QUICK_MS, WORK_MS } from "../docker/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { keepPortOpen, protectFrom, unprotectFrom, type BridgeServices } from "./firewall.ts";
import { gangNetworkName, isSameGang, planLabel, planOf, type GangPlan } from "./gang-bridge.ts";
import { isStatus, RuntimeError } from "../docker/runtime-error.ts";
import { firstAddress, freeSubnet } from "./subnets.ts";
import { keepLinks, mtusTo, type Link } from "./vxlan.ts";

/** Another agent of this machine can take the same subnet at the same moment. */
const SUBNET_TRIES = 8;
const NAME_BYTES = 6;

const Addressing = z.object({ Subnet: z.string().optional(), Gateway: z.string().optional() });
type Addressing = z.infer<typeof Addressing>;

const NetworkList = z.array(
  z.object({
    Name: z.string(),
    Labels: z.record(z.string(), z.string()).nullish(),
    IPAM: z
      .object({
        Config: z.array(Addressing).nullish(),
      })
      .nullish(),
  }),
);
type NetworkList = z.infer<typeof NetworkList>;

export class Networks {
  readonly #docker: Docker;
  readonly #hostId: HostId;
  readonly #services: () => Promise<BridgeServices>;
  #turn: Promise<unknown> = Promise.resolve();
  /** A bridge that was made for nobody yet; null where none is known. */
  #spare: string | null = null;
  /** An earlier life may have left links of gangs. */
  #mayHaveLinks = true;

  constructor(docker: Docker, hostId: HostId, services: () => Promise<BridgeServices>) {
    this.#docker = docker;
    this.#hostId = hostId;
    this.#services = services;
  }

  /** The runtime's name for the network that a workspace's containers are in; null where it has none. */
  async nameOf(network: string): Promise<string | null> {
    return (await this.#bridges()).get(network) ?? null;
  }

  /** This host's own IPv4 addresses on the bridges of this host id. @throws RuntimeError, RuntimeDown */
  async gateways(): Promise<string[]> {
    const gateways = (await this.#own()).flatMap(({ IPAM }) => (IPAM?.Config ?? []).map(gatewayOf));
    return gateways.filter((gateway) => gateway !== null);
  }

  /** The next workspace's first container finds a bridge ready. */
  get hasSpare(): boolean {
    return this.#spare !== null;
  }

  /**
   * Finds the workspace's bridge, takes the spare one or makes one, puts its rules in place and runs `work` with its name
   * before anybody can take it away as unused: what `work` creates is its next user, and must carry its name as a label.
   * It must start nothing: the rules are sure only afterwards.
   * @param options `takesSpare`: false leaves the spare bridge to the next workspace
   * @throws RuntimeError, RuntimeDown
   */
  use<T>(
    network: InstanceSpec["network"],
    work: (networkName: string) => Promise<T>,
    { takesSpare = true }: { takesSpare?: boolean } = {},
  ): Promise<T> {
    return typeof network === "string"
      ? this.#useOfWorkspace(networkLabel(network), work, { takesSpare })
      : this.#useOfGang(hostGangOf(network), work);
  }

  #useOfWorkspace<T>(
    network: string,
    work: (networkName: string) => Promise<T>,
    { takesSpare }: { takesSpare: boolean },
  ): Promise<T> {
    return this.#inTurn(async () => {
      const [existing, bridges] = await Promise.all([this.#all(), this.#bridges()]);
      const ready = [bridges.get(network), takesSpare ? this.#spare : null].find((name) =>
        existing.some(({ Name }) => Name === name),
      );
      const name = ready ?? this.#newName();
      // From here on it may have a user, whatever comes of it.
      if (name === this.#spare) this.#spare = null;
      // All at once, since somebody waits for it: rules name a bridge, whether it is there or not. What the runtime does
      // begins first, since beginning a program of the host holds up everything here for a moment.
      const making = ready === undefined ? this.#create(name, existing) : null;
      const atOnce = making === null ? work(name) : null;
      const protecting = setImmediate().then(() => this.#protect(name));
      const working = atOnce ?? Promise.all([making, protecting]).then(() => work(name));
      // The turn does not end before all have, however they end.
      await Promise.allSettled([protecting, making, working]);
      await protecting;
      return working;
    });
  }

  #useOfGang<T>(gang: HostGang, work: (networkName: string) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const name = gangNetworkName(this.#hostId, gang);
      const found = (await this.#all()).find(({ Name }) => Name === name);
      const plan = planOf(found?.Labels);
      const isItsOwn = plan !== null && isSameGang(plan.gang, gang);
      // Its number was another gang's before, of which nothing is left but this.
      if (found !== undefined && !isItsOwn) await this.#remove(name);
      if (!isItsOwn) await this.#createOfGang(name, { gang, mtu: mtuOver(await mtusTo(gang)) });
      await this.#protect(name);
      this.#mayHaveLinks ||= gang.peers.length > 0;
      await this.#keepLinks(await this.#all());
      return work(name);
    });
  }

  /** Makes a bridge for the next workspace unless one is ready, and removes what an earlier life left of such. */
  keepSpare(): Promise<void> {
    return this.#inTurn(async () => {
      const existing = await this.#all();
      if (existing.some(({ Name }) => Name === this.#spare)) return;
      this.#spare = null;
      await this.#removeUnused(existing);
      const name = this.#newName();
      await Promise.all([this.#create(name, existing), this.#protect(name)]);
      this.#spare = name;
    });
  }

  /** Puts back rules that somebody flushed, and links of gangs, for every network of ours; what nobody uses goes. */
  repair(): Promise<void> {
    return this.#inTurn(async () => {
      const existing = await this.#all();
      for (const { Name } of existing.filter((found) => this.#isOwn(found))) await this.#protect(Name);
      // As a start that failed leaves one.
      await this.#removeUnused(existing);
    });
  }

  /** Removes bridges, with their rules, to which no container of ours, running or not, belongs. */
  removeUnused(): Promise<void> {
    return this.#inTurn(async () => this.#removeUnused(await this.#all()));
  }

  /** All of this host id, for cleaning up; their containers must be gone. */
  removeAll(): Promise<void> {
    return this.#inTurn(async () => {
      this.#spare = null;
      await this.#keepLinks([]);
      for (const { Name } of await this.#own()) await this.#remove(Name);
    });
  }

  /** One at a time, each with its own deadlines. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #protect(name: string): Promise<void> {
    await protectFrom(bridgeName(name), await this.#services());
  }

  #newName(): string {
    return `rg-${this.#hostId}-${randomBytes(NAME_BYTES).toString("hex")}`;
  }

  /** Of each workspace that has containers here, whatever their state. */
  async #bridges(): Promise<Map<string, string>> {
    const label = [`${LABEL.host}=${this.#hostId}`];
    const containers = await this.#docker.call(
      "list containers by network",
      { deadlineMs: QUICK_MS },
      (client, abortSignal) =>
        client.listContainers({ all: true, filters: JSON.stringify({ label }), abortSignal }),
    );
    const bridges = new Map<string, string>();
    for (const { Labels: labels } of containers) {
      const network = labels[LABEL.network];
      if (network !== undefined)
        bridges.set(network, labels[BRIDGE_LABEL] ?? nameOfBefore(this.#hostId, network));
    }
    return bridges;
  }

  async #removeUnused(existing: NetworkList): Promise<void> {
    const used = new Set((await this.#bridges()).values());
    const isUsed = ({ Name }: NetworkList[number]) => Name === this.#spare || used.has(Name);
    // Links first: a bridge that goes would leave them behind.
    await this.#keepLinks(existing.filter((found) => isUsed(found)));
    for (const found of existing.filter((one) => this.#isOwn(one)))
      if (!isUsed(found)) await this.#remove(found.Name);
  }

  /** Of the gangs with these networks, and of no others. */
  async #keepLinks(existing: NetworkList): Promise<void> {
    if (!this.#mayHaveLinks) return;
    const links = existing.filter((found) => this.#isOwn(found)).flatMap(linkOf);
    const gangs = links.map(({ gang }) => gang);
    await keepPortOpen(this.#hostId, gangs);
    await keepLinks(this.#hostId, links);
    this.#mayHaveLinks = links.length > 0;
  }

  async #create(name: string, existing: NetworkList): Promise<void> {
    const taken = existing.flatMap((found) => subnetsOf(found));
    for (let tries = 1; ; tries += 1) {
      const subnet = freeSubnet(taken);
      if (subnet === null) throw new RuntimeError(`cannot make network ${name}: 10.210.0.0/16 is used up`);
      try {
        await this.#createWith({ name, config: { Subnet: subnet } });
        return;
      } catch (error) {
        if (isStatus(error, 409)) return;
        if (!isSubnetTaken(error) || tries >= SUBNET_TRIES) throw error;
        taken.push(subnet);
      }
    }
  }

  async #createOfGang(name: string, plan: GangPlan): Promise<void> {
    const { gang, mtu } = plan;
    const options = mtu === null ? {} : { "com.docker.network.driver.mtu": String(mtu) };
    const config = { Subnet: gang.subnet, Gateway: gang.gateway };
    await this.#createWith({ name, config, options, labels: planLabel(plan) });
  }

  async #createWith({
    name,
    config,
    options = {},
    labels = {},
  }: {
    name: string;
    config: { Subnet: string; Gateway?: string };
    options?: Record<string, string>;
    labels?: Record<string, string>;
  }): Promise<void> {
    await this.#docker.call(
      `make network ${name}`,
      { deadlineMs: WORK_MS, kind: "create network" },
      (client, abortSignal) =>
        client.createNetwork({
          Name: name,
          Driver: "bridge",
          EnableIPv6: false,
          IPAM: { Driver: "default", Config: [config] },
          Options: { "com.docker.network.bridge.name": bridgeName(name), ...options },
          Labels: { [LABEL.host]: this.#hostId, ...labels },
          abortSignal,
        }),
    );
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#docker.call(`remove network ${name}`, { deadlineMs: WORK_MS }, (client, abortSignal) =>
        client.getNetwork(name).remove({ abortSignal }),
      );
    } catch (error) {
      // 404: gone already. 403: somebody attached a container of theirs; the bridge stays, and so do its rules.
      if (isStatus(error, 403)) return;
      if (!isStatus(error, 404)) throw error;
    }
    await unprotectFrom(bridgeName(name));
  }

  async #own(): Promise<NetworkList> {
    return (await this.#all()).filter((found) => this.#isOwn(found));
  }

  #isOwn({ Labels: labels }: NetworkList[number]): boolean {
    return labels?.[LABEL.host] === this.#hostId;
  }

  async #all(): Promise<NetworkList> {
    const raw: unknown = await this.#docker.call(
      "list networks",
      { deadlineMs: QUICK_MS },
      (client, abortSignal) => client.listNetworks({ abortSignal }),
    );
    return NetworkList.parse(raw);
  }
}

/** Docker refuses such a subnet with 403; Podman has the same status for every refusal, and says it in words. */
function isSubnetTaken(error: unknown): boolean {
  return isStatus(error, 403) || (isStatus(error, 500) && /subnet .* is already used/.test(String(error)));
}

/** What a container without the label is in: agents of before named a bridge by its workspace. */
function nameOfBefore(hostId: HostId, network: string): string {
  return `rg-${hostId}-${network}`;
}

/** At most 15 characters, as the kernel allows, and different for each host id. */
export function bridgeName(networkName: string): string {
  return `rg${createHash("sha256").update(networkName).digest("hex").slice(0, 12)}`;
}

/** None of a gang on this host alone. */
function linkOf({ Name, Labels: labels }: NetworkList[number]): Link[] {
  const plan = planOf(labels);
  if (plan === null || plan.mtu === null) return [];
  return [{ gang: plan.gang, mtu: plan.mtu, bridge: bridgeName(Name) }];
}

/** Docker names one only that was chosen. Null for another protocol than IPv4. */
function gatewayOf({ Subnet, Gateway }: Addressing): string | null {
  const gateway = Gateway ?? (Subnet === undefined ? null : firstAddress(Subnet));
  return gateway !== null && isIPv4(gateway) ? gateway : null;
}

function subnetsOf(network: NetworkList[number]): string[] {
  return (network.IPAM?.Config ?? []).map((config) => config.Subnet).filter((subnet) => subnet !== undefined);
}
