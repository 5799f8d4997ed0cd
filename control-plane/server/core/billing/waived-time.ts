/**
 * Time of a run that is metered and not charged: all of it from a moment behind a stop order or from a re-placement on, the
 * stretches in which what was rented was broken, and those of its payer's allowance for loading. Who waives what, and
 * why, is decided elsewhere.
 */
import { type Interval, type ProvenTime, union } from "./proven-time.ts";

const BROKEN_REASONS = ["gpu-lost", "host-died", "never-ready", "gang-broken"] as const;
/**
 * What was broken: the card, the whole host, an instance that never got as far as to be of use, or another rank of a gang,
 * without which this one is of none.
 */
export type BrokenReason = (typeof BROKEN_REASONS)[number];

/** Why a stretch is free: what was broken, or that its payer's allowance for loading holds (free-loading.ts). */
export const WAIVER_REASONS = [...BROKEN_REASONS, "loading"] as const;
export type WaiverReason = (typeof WAIVER_REASONS)[number];

/** @param stretches UTC milliseconds; one that lasts on has `toMs` Infinity */
export function waivedTime(fromMs: number | null, stretches: readonly Interval[]): ProvenTime {
  return union(fromMs === null ? stretches : [...stretches, { fromMs, toMs: Infinity }]);
}
