/**
 * Proven time as sets of whole milliseconds: sorted, disjoint intervals [fromMs, toMs). Postgres keeps the same
 * sets as int8multirange; here they are cut by months and by the moment from which a run's time is waived.
 */

export interface Interval {
  readonly fromMs: number;
  /** Not included. */
  readonly toMs: number;
}

/** Sorted, disjoint, not touching, none empty. Made by `union` only. */
export type ProvenTime = readonly Interval[];

/** Merges intervals in any order, however often they overlap or repeat. */
export function union(intervals: readonly Interval[]): ProvenTime {
  const sorted = intervals.filter((one) => one.fromMs < one.toMs).sort((a, b) => a.fromMs - b.fromMs);
  const merged: Interval[] = [];
  for (const next of sorted) {
    const last = merged.at(-1);
    if (last === undefined || next.fromMs > last.toMs) merged.push(next);
    else if (next.toMs > last.toMs) merged[merged.length - 1] = { fromMs: last.fromMs, toMs: next.toMs };
  }
  return merged;
}

/** The union with one interval more; mostly that goes on where the time ends. */
export function withInterval(time: ProvenTime, next: Interval): ProvenTime {
  const last = time.at(-1);
  if (last === undefined || next.fromMs < last.fromMs || next.fromMs >= next.toMs)
    return union([...time, next]);
  if (next.fromMs > last.toMs) return [...time, next];
  return [...time.slice(0, -1), { fromMs: last.fromMs, toMs: Math.max(last.toMs, next.toMs) }];
}

export function totalMs(time: ProvenTime): number {
  return time.reduce((sum, one) => sum + one.toMs - one.fromMs, 0);
}

/** The part of the time that lies before `endMs`; null means no end. */
export function before(time: ProvenTime, endMs: number | null): ProvenTime {
  if (endMs === null) return time;
  return time
    .filter((one) => one.fromMs < endMs)
    .map((one) => ({ fromMs: one.fromMs, toMs: Math.min(one.toMs, endMs) }));
}

/** The part of the time that lies in none of the `holes`, which may reach to Infinity. */
export function without(time: ProvenTime, holes: ProvenTime): ProvenTime {
  return holes.length === 0 ? time : time.flatMap((one) => beyond(holes, one));
}

/** The parts of the interval that are not in the time yet. */
export function beyond(time: ProvenTime, { fromMs, toMs }: Interval): ProvenTime {
  const parts: Interval[] = [];
  let atMs = fromMs;
  for (const one of time) {
    if (one.toMs <= atMs) continue;
    if (one.fromMs >= toMs) break;
    if (one.fromMs > atMs) parts.push({ fromMs: atMs, toMs: one.fromMs });
    atMs = Math.min(one.toMs, toMs);
  }
  return atMs < toMs ? [...parts, { fromMs: atMs, toMs }] : parts;
}

/** When the first `elapsedMs` milliseconds of the time had passed; the end of the time if it is shorter. */
export function momentAfter(time: ProvenTime, elapsedMs: number): number | null {
  let left = elapsedMs;
  for (const one of time) {
    if (left < one.toMs - one.fromMs) return one.fromMs + left;
    left -= one.toMs - one.fromMs;
  }
  return time.at(-1)?.toMs ?? null;
}

/** Moves intervals of a host's monotonic clock to UTC, given the UTC time at which that clock was zero. */
export function atUtc(intervals: readonly Interval[], utcAtZeroMs: number): Interval[] {
  return intervals.map((one) => ({ fromMs: one.fromMs + utcAtZeroMs, toMs: one.toMs + utcAtZeroMs }));
}
