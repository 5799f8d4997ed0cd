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

type Rule = { chain: "INPUT" | "DOCKER-USER"; match: string[] };

/** Answers to what the host began still pass; nothing that the container begins does. */
function rulesFor(bridge: string): Rule[] {
  return [
    {
      chain: "INPUT",
      match: ["-i", bridge, "-m", "conntrack", "!", "--ctstate", "ESTABLISHED,RELATED", "-j", "DROP"],
    },
    ...METADATA_ADDRESSES.map((address): Rule => ({
      chain: "DOCKER-USER",
      match: ["-i", bridge, "-d", address, "-j", "DROP"],
    })),
  ];
}

/** Puts the rules in front of all others, unless they are there. @throws RuntimeError */
export async function protectFrom(bridge: string): Promise<void> {
  for (const { chain, match } of rulesFor(bridge)) {
    if (await succeeds(["-C", chain, ...match])) continue;
    const { exitCode, stderr } = await iptables(["-I", chain, "1", ...match]);
    if (exitCode !== 0) throw new RuntimeError(`cannot protect the host from bridge ${bridge}: ${stderr}`);
  }
}

/** Takes the rules away, as often as they are there. @throws RuntimeError when iptables cannot be run */
export async function unprotectFrom(bridge: string): Promise<void> {
  for (const { chain, match } of rulesFor(bridge)) {
    for (let doubles = 0; doubles < MAX_DOUBLES; doubles += 1) {
      if (!(await succeeds(["-D", chain, ...match]))) break;
    }
  }
}

/** Two agents' starts could each insert a rule between the other's look and its own insert. */
const MAX_DOUBLES = 4;

async function succeeds(args: string[]): Promise<boolean> {
  return (await iptables(args)).exitCode === 0;
}

async function iptables(args: string[]): Promise<{ exitCode: number; stderr: string }> {
  const result = await execa("iptables", ["-w", LOCK_SECONDS, ...args], {
    reject: false,
    timeout: DEADLINE_MS,
    stdin: "ignore",
  });
  if (result.exitCode === undefined) {
    throw new RuntimeError("cannot run iptables, without which containers would reach this host's services", {
      cause: result.cause ?? result,
    });
  }
  return { exitCode: result.exitCode, stderr: result.stderr };
}
