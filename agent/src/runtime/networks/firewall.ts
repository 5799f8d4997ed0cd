/**
 * Keeps a workspace's bridge away from this host's own services and from cloud metadata addresses. The runtime
 * itself already parts bridges from each other. Without iptables nothing is started on a bridge: a container that
 * reaches the host's services is worse than none.
 */
import { execa } from "execa";
import { RuntimeError } from "../docker/runtime-error.ts";

const DEADLINE_MS = 15_000;
/** Others change the tables too; iptables waits this long for its lock. */
const LOCK_SECONDS = "5";

/** Link-local (most clouds), Alibaba's and Oracle's: who reads them holds the host's own credentials. */
export const METADATA_ADDRESSES = ["169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32"] as const;

/** Docker makes this chain for rules of the host's owner and asks it first; Podman does not, so there we do. */
const FORWARD_CHAIN = "DOCKER-USER";

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
    ...(hasResolver ? names : []),
  ];
}

/** Puts the rules of a bridge in front of all others, unless they are there, once each. @throws RuntimeError */
export async function protectFrom(bridge: string, services: BridgeServices): Promise<void> {
  const listing = await list();
  const present = rulesIn(listing, bridge);
  const wanted = rulesFor(bridge, services);
  if (present.toSorted().join() === wanted.toSorted().join()) return;
  await change([
    ...(hasForwardChain(listing) ? [] : [`:${FORWARD_CHAIN} - [0:0]`, `-I FORWARD 1 -j ${FORWARD_CHAIN}`]),
    ...present.map((rule) => `-D ${rule}`),
    ...wanted.map((rule) => `-I ${rule.replace(" ", " 1 ")}`),
  ]);
}

/** Takes them away, however many there are. @throws RuntimeError */
export async function unprotectFrom(bridge: string): Promise<void> {
  const present = rulesIn(await list(), bridge);
  if (present.length > 0) await change(present.map((rule) => `-D ${rule}`));
}

/** As iptables prints them. */
async function list(): Promise<string[]> {
  return (await run("iptables", ["-w", LOCK_SECONDS, "-S"], "")).split("\n");
}

function hasForwardChain(listing: readonly string[]): boolean {
  return listing.includes(`-N ${FORWARD_CHAIN}`);
}

/** Of our chains alone, without the leading `-A`: the others hold the runtime's own. */
function rulesIn(listing: readonly string[], bridge: string): string[] {
  return listing
    .filter((line) => /^-A (INPUT|DOCKER-USER) /.test(line) && `${line} `.includes(` -i ${bridge} `))
    .map((line) => line.slice("-A ".length));
}

/** All lines or none, in one step. */
async function change(lines: string[]): Promise<void> {
  await run("iptables-restore", ["-w", LOCK_SECONDS, "--noflush"], `*filter\n${lines.join("\n")}\nCOMMIT\n`);
}

async function run(command: string, args: string[], input: string): Promise<string> {
  const result = await execa(command, args, { reject: false, timeout: DEADLINE_MS, input });
  if (result.exitCode === 0) return result.stdout;
  throw new RuntimeError(
    `cannot run ${command}, without which containers would reach this host's services: ${result.stderr ?? ""}`,
    { cause: result },
  );
}
