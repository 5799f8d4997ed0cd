/**
 * The leases of this host against each other and against what the kernel says is bound. A port may be bound or given
 * back just now, so what is missing is looked for again, and only what stays so is told.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Check, CheckResult, Finding } from "@remotegpu/shared/doctor";
import type { LeaseRecord } from "../../core/leases/lease.ts";
import { listed } from "./journal-checks.ts";

const MAX_SCANS = 3;
const CHECK_EVERY_MS = 1_000;
const LISTENING = "0A";
/** Of both families, in the network namespace of this process. */
const SOCKET_TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

const CHECKS = {
  intact: { check: "leases-are-intact", claim: "Every lease is as it was written." },
  owners: { check: "one-lease-per-port", claim: "No port belongs to two leases that are not released." },
  bound: {
    check: "held-ports-are-bound",
    claim: "While the access process runs, every port that is called held is bound.",
  },
} as const satisfies Record<string, Check>;

export const PORT_CHECKS: readonly Check[] = Object.values(CHECKS);

export type LeaseSnapshot = {
  leases: readonly LeaseRecord[];
  damaged: readonly string[];
  isAccessRunning: boolean;
};

export async function checkPorts(scan: () => LeaseSnapshot): Promise<CheckResult[]> {
  const first = scan();
  let unbound = unboundPorts(first);
  for (let scans = 1; scans < MAX_SCANS && unbound.length > 0; scans += 1) {
    await delay(CHECK_EVERY_MS);
    const now = unboundPorts(scan());
    unbound = unbound.filter((port) => now.includes(port));
  }
  return [
    listed(CHECKS.intact, first.damaged.map(damagedFinding)),
    listed(CHECKS.owners, doubleFindings(first.leases)),
    listed(CHECKS.bound, unbound.map(unboundFinding)),
  ];
}

function doubleFindings(leases: readonly LeaseRecord[]): Finding[] {
  const taken = leases.filter(({ state, externalPort }) => state !== "released" && externalPort !== null);
  return [...Map.groupBy(taken, ({ externalPort }) => externalPort)].flatMap(([port, owners]) =>
    owners.length < 2
      ? []
      : [
          {
            finding: "port-given-twice",
            subject: { port: port ?? 0, leases: owners.map(({ leaseId }) => leaseId).join(" and ") },
            sentence: "Whoever connects may reach the other one's service. Release all but one of them.",
          },
        ],
  );
}

function unboundPorts({ leases, isAccessRunning }: LeaseSnapshot): number[] {
  if (!isAccessRunning) return [];
  const bound = listeningPorts();
  return leases.flatMap(({ state, externalPort }) =>
    state === "held" && externalPort !== null && !bound.has(externalPort) ? [externalPort] : [],
  );
}

/** The second column is the local address and port in hex, the fourth the state (proc_pid_net(5)). */
function listeningPorts(): Set<number> {
  const lines = SOCKET_TABLES.flatMap((file) => readFileSync(file, "utf8").split("\n").slice(1));
  return new Set(
    lines.flatMap((line) => {
      const [, local = "", , state] = line.trim().split(/\s+/);
      return state === LISTENING ? [Number.parseInt(local.split(":")[1] ?? "", 16)] : [];
    }),
  );
}

function damagedFinding(lease: string): Finding {
  return {
    finding: "lease-damaged",
    subject: { lease },
    sentence:
      "Its bytes are not what was written. The access process drops it at its next start and it gets a new number.",
  };
}

function unboundFinding(port: number): Finding {
  return {
    finding: "held-port-unbound",
    subject: { port },
    sentence: "It is shown to people, and nobody listens there. Restart remotegpu-access.",
  };
}
