/**
 * The order in which waiting workloads are tried: the more urgent first, then the workspace that had less than its
 * share, then the one that waits longest. Waiting makes urgent, so nothing starves: an order with n levels of priority
 * less stays behind only those that come within n + 1 steps of ageing after it. Who of the line starts is backfill's to
 * say.
 */
import { MS_PER_DAY } from "@remotegpu/shared/units";
import { byId } from "../placement/fleet/fleet.ts";
import { inTurns, type Share, type Sharing } from "./fair-share.ts";

/** Waiting this long is worth one level of priority. Shares are weighed among those within one step of each other. */
export const AGEING_STEP_MS = MS_PER_DAY;

export interface Waiting extends Sharing {
  /** Larger is more urgent. */
  priority: number;
  /** Milliseconds since 1970 at which this start was ordered. */
  orderedAtMs: number;
}

export interface QueueStanding {
  /** What each workspace has had; one that is not named had nothing, and has the weight 1. */
  shares: ReadonlyMap<string, Share>;
  /** Milliseconds since 1970. */
  now: number;
}

/** A sorted copy, which never depends on the order of the input. */
export function inQueueOrder<T extends Waiting>(waiting: readonly T[], standing: QueueStanding): T[] {
  return [...queueOrder(waiting, standing)];
}

/** The same one after the other, for whoever does something else between two of a long line. */
export function* queueOrder<T extends Waiting>(
  waiting: readonly T[],
  { shares, now }: QueueStanding,
): Generator<T, void> {
  const taken = new Map([...shares].map(([workspace, share]) => [workspace, { ...share }]));
  for (const level of levelsOf(waiting, now)) yield* inTurns(level.sort(byAge), taken);
}

/** Those of one urgency together, the most urgent first. */
function levelsOf<T extends Waiting>(waiting: readonly T[], now: number): T[][] {
  const levels = new Map<number, T[]>();
  for (const workload of waiting) {
    const urgency = urgencyOf(workload, now);
    const level = levels.get(urgency);
    if (level === undefined) levels.set(urgency, [workload]);
    else level.push(workload);
  }
  return [...levels].sort(([one], [other]) => other - one).map(([, level]) => level);
}

function byAge(a: Waiting, b: Waiting): number {
  return a.orderedAtMs - b.orderedAtMs || byId(a, b);
}

/** An order from the future, by somebody's clock, has not waited at all. */
function urgencyOf({ priority, orderedAtMs }: Waiting, now: number): number {
  return priority + Math.floor(Math.max(0, now - orderedAtMs) / AGEING_STEP_MS);
}
