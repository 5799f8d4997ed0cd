/**
 * The payer's allowance for loading: of each hour (UTC) so much time of replicas that have not served yet is free, of one
 * replica at a time, however many services, workspaces and members order them. Loading is a replica's proven time until it
 * first serves, or all of it where it never does. The earliest of an hour is free first, and of several that load at once
 * that of the run which was ordered first. What was granted stays granted, and counts, whatever comes to light later.
 */
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { before, type Interval, type ProvenTime, union, without } from "./proven-time.ts";

export interface LoadingRun {
  readonly id: string;
  /** UTC milliseconds. */
  readonly orderedMs: number;
  /** Its loading as far as it is proven and is not free already. */
  readonly loading: ProvenTime;
}

export interface LoadingGrant extends Interval {
  readonly runId: string;
}

/** @param servedMs UTC milliseconds, when its host first reported that it serves; null where it never did */
export function loadingTime(run: {
  proven: ProvenTime;
  waived: ProvenTime;
  servedMs: number | null;
}): ProvenTime {
  return without(before(run.proven, run.servedMs), run.waived);
}

/**
 * What is to be granted beyond what was: stretches of which none touches two hours, each free for its run.
 * @param payer.runs of one payer, in any order
 * @param payer.granted of the same payer, in all hours of that loading; each stretch lies in one hour
 * @param payer.allowanceMs of each hour
 */
export function freeLoading(payer: {
  runs: readonly LoadingRun[];
  granted: readonly Interval[];
  allowanceMs: number;
}): LoadingGrant[] {
  const { runs, granted, allowanceMs } = payer;
  const usedMs = new Map<number, number>();
  for (const { fromMs, toMs } of granted)
    usedMs.set(hourOf(fromMs), (usedMs.get(hourOf(fromMs)) ?? 0) + toMs - fromMs);
  return oneAtATime(runs, union(granted)).flatMap(({ runId, fromMs, toMs }) => {
    const used = usedMs.get(hourOf(fromMs)) ?? 0;
    const freeMs = Math.min(toMs - fromMs, allowanceMs - used);
    if (freeMs <= 0) return [];
    usedMs.set(hourOf(fromMs), used + freeMs);
    return [{ runId, fromMs, toMs: fromMs + freeMs }];
  });
}

/** All loading that nobody was granted yet, in the order of time, each moment with one run. */
function oneAtATime(runs: readonly LoadingRun[], granted: ProvenTime): LoadingGrant[] {
  const inOrder = [...runs].sort((a, b) => a.orderedMs - b.orderedMs || (a.id < b.id ? -1 : 1));
  let taken = granted;
  const stretches = inOrder.flatMap(({ id, loading }) => {
    const own = without(loading, taken);
    taken = union([...taken, ...own]);
    return own.flatMap(byHours).map((stretch) => ({ runId: id, ...stretch }));
  });
  return stretches.sort((a, b) => a.fromMs - b.fromMs);
}

function byHours({ fromMs, toMs }: Interval): Interval[] {
  const parts: Interval[] = [];
  for (let atMs = fromMs; atMs < toMs;) {
    const endMs = Math.min(toMs, hourOf(atMs) + MS_PER_HOUR);
    parts.push({ fromMs: atMs, toMs: endMs });
    atMs = endMs;
  }
  return parts;
}

/** The full hour (UTC) in which the moment lies. */
export function hourOf(ms: number): number {
  return Math.floor(ms / MS_PER_HOUR) * MS_PER_HOUR;
}
