/** Whether a host has room for its canary beside what was ordered of it: a full one keeps all that it has for customers. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { MIB } from "@remotegpu/shared/values/units";

/** What the canary may use at most. It takes a fraction of it, for about two seconds. */
export const CANARY_LIMITS = { cpuMilli: 500, memoryBytes: 64 * MIB, pidsLimit: 64 } as const;

const MILLI = 1_000;

export type HostRoom = {
  machine: { cpuCount: number; memoryBytes: number };
  /** The specs of all that is to run there. */
  ordered: readonly Pick<InstanceSpec, "cpuMilli" | "memoryBytes">[];
  /** The journal has no more room than its ballast. */
  isJournalShort: boolean;
  isDiskNearlyFull: boolean;
};

/** Null where there is room; else why there is none. */
export function canaryObstacle({
  machine,
  ordered,
  isJournalShort,
  isDiskNearlyFull,
}: HostRoom): HostReason | null {
  if (isJournalShort) return { code: "canary-journal-full", params: {} };
  if (isDiskNearlyFull) return { code: "disk-nearly-full", params: {} };
  const sum = (of: (spec: HostRoom["ordered"][number]) => number) =>
    ordered.reduce((total, spec) => total + of(spec), 0);
  const freeBytes = machine.memoryBytes - sum(({ memoryBytes }) => memoryBytes);
  if (freeBytes < CANARY_LIMITS.memoryBytes) return { code: "canary-memory-ordered", params: {} };
  const freeMilli = machine.cpuCount * MILLI - sum(({ cpuMilli }) => cpuMilli);
  if (freeMilli < CANARY_LIMITS.cpuMilli) return { code: "canary-processors-ordered", params: {} };
  return null;
}
