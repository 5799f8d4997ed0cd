/**
 * Keeps a workspace's bridge away from this host's own services and from cloud metadata addresses. The runtime
 * itself already parts bridges from each other. Without iptables nothing is started on a bridge: a container that
 * reaches the host's services is worse than none.
 */
import { execa } from "execa";
import { RuntimeError } from "./runtime-error.ts";

const DEADLINE_MS = 15_000;
/** Others change the tables too; iptables waits this long for its lock. */
const LOCK_SECONDS = "5";

/** Link-local (most clouds), Alibaba's and Oracle's: who reads them holds the host's own credentials. */
export const METADATA_ADDRESSES = ["169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32"] as const;

/** Answers to what the host began still pass; nothing that the container begins does. */
function rulesFor(bridge: string): string[] {
  return [
    `INPUT -i ${bridge} -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP`,
    ...METADATA_ADDRESSES.map((address) => `DOCKER-USER -d ${address} -i ${bridge} -j DROP`),
  ];
}

/** Puts the rules of a bridge in front of all others, unless they are there, once each. @throws RuntimeError */
export async function protectFrom(bridge: string): Promise<void> {
  const present = await presentRules(bridge);
  const wanted = rulesFor(bridge);
  if (present.toSorted().join() === wanted.toSorted().join()) return;
  await change([
    ...present.map((rule) => `-D ${rule}`),
    ...wanted.map((rule) => `-I ${rule.replace(" ", " 1 ")}`),
  ]);
}

/** Takes them away, however many there are. @throws RuntimeError */
export async function unprotectFrom(bridge: string): Promise<void> {
  const present = await presentRules(bridge);
  if (present.length > 0) await change(present.map((rule) => `-D ${rule}`));
}

/** Of our chains alone, as iptables prints them without the leading `-A`: the others hold the runtime's own. */
async function presentRules(bridge: string): Promise<string[]> {
  const listing = await run("iptables", ["-w", LOCK_SECONDS, "-S"], "");
  return listing
    .split("\n")
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
