/** Whether a host has room for its canary beside what was ordered of it: a full one keeps all that it has for customers. */
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

/** Null where there is room; else why there is none, as a sentence. */
export function canaryObstacle({
  machine,
  ordered,
  isJournalShort,
  isDiskNearlyFull,
}: HostRoom): string | null {
  if (isJournalShort) return "The disk of the agent's journal is full.";
  if (isDiskNearlyFull) return "A disk of the host is nearly full.";
  const sum = (of: (spec: HostRoom["ordered"][number]) => number) =>
    ordered.reduce((total, spec) => total + of(spec), 0);
  const freeBytes = machine.memoryBytes - sum(({ memoryBytes }) => memoryBytes);
  if (freeBytes < CANARY_LIMITS.memoryBytes) return "All memory of the host is ordered.";
  const freeMilli = machine.cpuCount * MILLI - sum(({ cpuMilli }) => cpuMilli);
  if (freeMilli < CANARY_LIMITS.cpuMilli) return "All processors of the host are ordered.";
  return null;
}
