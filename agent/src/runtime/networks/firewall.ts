/**
 * Keeps a workspace's bridge away from this host's own services, from cloud metadata addresses and from other bridges.
 * Without iptables nothing is started on a bridge: a container that reaches the host's services is worse than none.
 * Likewise it opens the port by which gangs' hosts reach each other.
 *
 * What is passed on is judged in the table mangle. The runtime parts bridges from each other as well, but takes its jumps
 * out of the table filter and puts them back whenever it makes a network (Docker up to 27), so that for some milliseconds
 * nothing behind them holds.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { HostGang } from "../../core/gangs/gang-plan.ts";
import { ownPortRules, PORT_CHAIN, PORT_JUMP, portRules } from "../../core/gangs/port-rules.ts";
import { runTool } from "./network-tool.ts";

/** Others change the tables too; iptables waits this long for its lock. */
const LOCK_SECONDS = "5";
const WHY = { why: "containers would reach this host's services" };

/** Link-local (most clouds), Alibaba's and Oracle's: who reads them holds the host's own credentials. */
export const METADATA_ADDRESSES = ["169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32"] as const;

/** Azure's answers both names, which containers may need, and by TCP who reads the host's own certificates and secrets. */
const AZURE_HOST = "168.63.129.16/32";

/** What is passed on goes by this chain; before a chain stands the name of its table, unless that is filter. */
const FORWARD_CHAIN = "mangle/FORWARD";
/** Names of all bridges of all agents of this machine begin so. */
const BETWEEN_BRIDGES = `${FORWARD_CHAIN} -i rg+ -o rg+ -j DROP`;

/** Where the runtime answers names at the bridge's own address (Podman), and not inside the container (Docker). */
export type BridgeServices = { hasResolver: boolean };

/**
 * Answers to what the host began still pass; nothing that the container begins does, but a question for a name at the
 * bridge's own address where the runtime answers those. Each is put before the ones above it.
 */
function rulesFor(bridge: string, { hasResolver }: BridgeServices): string[] {
  const names = ["tcp", "udp"].map(
    (protocol) =>
      `INPUT -i ${bridge} -p ${protocol} -m ${protocol} --dport 53 -m addrtype --dst-type LOCAL --limit-iface-in -j ACCEPT`,
  );
  return [
    `INPUT -i ${bridge} -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP`,
    ...METADATA_ADDRESSES.map((address) => `${FORWARD_CHAIN} -d ${address} -i ${bridge} -j DROP`),
    `${FORWARD_CHAIN} -d ${AZURE_HOST} -i ${bridge} -p tcp -m tcp ! --dport 53 -j DROP`,
    `${FORWARD_CHAIN} -i ${bridge} -o ${bridge} -j ACCEPT`,
    ...(hasResolver ? names : []),
  ];
}

/** Puts the rules of a bridge in front of all others, unless they are there, once each. @throws RuntimeError */
export async function protectFrom(bridge: string, services: BridgeServices): Promise<void> {
  const listing = await list();
  const present = rulesIn(listing, bridge);
  const wanted = rulesFor(bridge, services);
  const isParted = listing.includes(`-A ${BETWEEN_BRIDGES}`);
  const parting = isParted ? [] : [`-A ${BETWEEN_BRIDGES}`];
  const isWhole = present.toSorted().join() === wanted.toSorted().join();
  const own = isWhole
    ? []
    : [...present.map((rule) => `-D ${rule}`), ...wanted.map((rule) => `-I ${rule.replace(" ", " 1 ")}`)];
  if (own.length + parting.length > 0) await change([...own, ...parting]);
}

/** Takes them away, however many there are. @throws RuntimeError */
export async function unprotectFrom(bridge: string): Promise<void> {
  const listing = await list();
  const present = rulesIn(listing, bridge);
  if (present.length === 0) return;
  const others = listing.filter((line) => line.startsWith(`-A ${FORWARD_CHAIN} -i rg`)).length;
  const own = present.filter((rule) => rule.startsWith(`${FORWARD_CHAIN} -i rg`)).length;
  // That of all bridges is the last to go.
  const isLast = listing.includes(`-A ${BETWEEN_BRIDGES}`) && others === own + 1;
  await change([...present, ...(isLast ? [BETWEEN_BRIDGES] : [])].map((rule) => `-D ${rule}`));
}

/** Opens the port of gang networks to the other hosts of these gangs, and to nobody else. @throws RuntimeError */
export async function keepPortOpen(hostId: HostId, gangs: readonly HostGang[]): Promise<void> {
  const listing = await list();
  const present = ownPortRules(listing, hostId);
  const wanted = portRules(gangs, { hostId, forwardChain: FORWARD_CHAIN });
  const isThere = listing.includes(`:${PORT_CHAIN}`);
  const gone = present.filter((rule) => !wanted.some(({ text }) => text === rule));
  const missing = wanted.filter(({ text }) => !present.includes(text));
  const others = listing.filter((line) => line.startsWith(`-A ${PORT_CHAIN} `)).length;
  const staysEmpty = wanted.length === 0 && others === present.filter((rule) => isOfPort(rule)).length;
  const lines = [
    ...(isThere || wanted.length === 0 ? [] : [`:${PORT_CHAIN} - [0:0]`]),
    ...(listing.includes(`-A ${PORT_JUMP}`) || wanted.length === 0
      ? []
      : [`-I ${PORT_JUMP.replace(" ", " 1 ")}`]),
    ...gone.map((rule) => `-D ${rule}`),
    ...missing.map(({ text, comes }) =>
      comes === "first" ? `-I ${text.replace(" ", " 1 ")}` : `-A ${text}`,
    ),
    ...(isThere && staysEmpty ? [`-D ${PORT_JUMP}`, `-X ${PORT_CHAIN}`] : []),
  ];
  if (lines.length > 0) await change(lines);
}

function isOfPort(rule: string): boolean {
  return rule.startsWith(`${PORT_CHAIN} `);
}

/** Rules as iptables prints them, and chains: `:REMOTEGPU-GANGS`. */
async function list(): Promise<string[]> {
  let table = "filter";
  return (await runTool("iptables-save", [], WHY)).split("\n").flatMap((line) => {
    if (line.startsWith("*")) table = line.slice(1);
    const chain = table === "filter" ? "" : `${table}/`;
    if (line.startsWith(":")) return [`:${chain}${line.slice(1).split(" ")[0] ?? ""}`];
    return line.startsWith("-A ") ? [`-A ${chain}${line.slice("-A ".length)}`] : [];
  });
}

/** Of the chains in which ours stand, without the leading `-A`: all others hold the runtime's own. */
function rulesIn(listing: readonly string[], bridge: string): string[] {
  return listing
    .filter((line) => OWN_CHAIN.test(line) && `${line} `.includes(` -i ${bridge} `))
    .map((line) => line.slice("-A ".length));
}

/** Agents of before had theirs in DOCKER-USER. */
const OWN_CHAIN = /^-A (INPUT|DOCKER-USER|mangle\/FORWARD) /;
const MANGLE = / mangle\//;

/** All lines of a table or none, in one step; of both, that of what is passed on comes first. */
async function change(lines: string[]): Promise<void> {
  const mangle = lines.filter((line) => MANGLE.test(line)).map((line) => line.replace(MANGLE, " "));
  const filter = lines.filter((line) => !MANGLE.test(line));
  const input = [tableInput("mangle", mangle), tableInput("filter", filter)].join("");
  await runTool("iptables-restore", ["-w", LOCK_SECONDS, "--noflush"], { input, ...WHY });
}

function tableInput(table: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `*${table}\n${lines.join("\n")}\nCOMMIT\n`;
}
