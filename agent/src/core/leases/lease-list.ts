/**
 * The whole list of leases that an agent hands over, against the leases that are known. Only numbers that go up
 * are followed, absence takes nothing away, and a released lease never comes back under its id.
 */
import type { DesiredLease } from "@remotegpu/shared/instance/lease";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { newLease, released, reordered, type LeaseRecord } from "./lease.ts";

/** A released lease that no list names any more is remembered for so long, against a list that comes late. */
export const KEEP_RELEASED_MS = 7 * MS_PER_DAY;

/** Numbers of the agent's desired set. */
export type ListNumbers = { term: number; generation: number };

export function isOlder(list: ListNumbers, known: ListNumbers): boolean {
  return list.term < known.term || list.generation < known.generation;
}

export type ListChanges = {
  /** To be written down: new leases, released ones, changed hours. */
  saved: LeaseRecord[];
  forgotten: LeaseRecord[];
};

export function changesBy(
  list: readonly DesiredLease[],
  known: ReadonlyMap<string, LeaseRecord>,
  nowMs: number,
): ListChanges {
  const saved: LeaseRecord[] = [];
  for (const desired of list) {
    const before = known.get(desired.leaseId);
    if (before !== undefined) {
      const changed = reordered(before, desired, nowMs);
      if (changed !== before) saved.push(changed);
    } else {
      const lease = newLease(desired, nowMs);
      saved.push(desired.want === "released" ? released(lease, "ordered", nowMs) : lease);
    }
  }
  const named = new Set<string>(list.map(({ leaseId }) => leaseId));
  const forgotten = [...known.values()].filter(
    ({ leaseId, releasedMs }) =>
      !named.has(leaseId) && releasedMs !== null && nowMs - releasedMs >= KEEP_RELEASED_MS,
  );
  return { saved, forgotten };
}
