/**
 * The order in which waiting workloads are tried: the more urgent first, then the one that waits longest. A blocked
 * head holds nothing back; whatever fits behind it is placed.
 */
import { byId } from "../placement/fleet.ts";

export interface Waiting {
  id: string;
  /** Larger is more urgent. */
  priority: number;
  /** Milliseconds since 1970 at which this start was ordered. */
  orderedAtMs: number;
}

/** A sorted copy; equal priority and age fall back to the id, so that the order never depends on the input's. */
export function inQueueOrder<T extends Waiting>(waiting: T[]): T[] {
  return [...waiting].sort((a, b) => b.priority - a.priority || a.orderedAtMs - b.orderedAtMs || byId(a, b));
}

/** 1 for the next in line; null when it does not wait. */
export function positionInQueue(waiting: Waiting[], id: string): number | null {
  const index = inQueueOrder(waiting).findIndex((workload) => workload.id === id);
  return index === -1 ? null : index + 1;
}
