/**
 * Time of a run that is metered and not charged: all of it from a stop order or a re-placement on, and the stretches
 * in which what was rented was broken. Who waives what, and why, is decided elsewhere.
 */
import { type Interval, type ProvenTime, union } from "./proven-time.ts";

export const BROKEN_REASONS = ["gpu-lost", "host-died", "never-ready", "gang-broken"] as const;
/**
 * What was broken: the card, the whole host, an instance that never got as far as to be of use, or another rank of a gang,
 * without which this one is of none.
 */
export type BrokenReason = (typeof BROKEN_REASONS)[number];

/** @param broken UTC milliseconds; a stretch that lasts on has `toMs` Infinity */
export function waivedTime(fromMs: number | null, broken: readonly Interval[]): ProvenTime {
  return union(fromMs === null ? broken : [...broken, { fromMs, toMs: Infinity }]);
}
