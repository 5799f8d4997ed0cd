/** What is kept of a card's readings: five minutes of them are one bucket, twelve buckets are an hour, which is one row. */
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";

export const BUCKET_MS = 5 * MS_PER_MINUTE;
export const BUCKETS_PER_HOUR = MS_PER_HOUR / BUCKET_MS;

/** Percent, MiB, °C and watts. */
export const MEASURES = ["utilization", "memory_used", "temperature", "power"] as const;
export type Measure = (typeof MEASURES)[number];

/** Null: the card does not tell it. */
export type GpuReading = Record<Measure, number | null>;

/** Whole numbers. */
export interface Spread {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** What was read of a card in some time. Null of a measure: it was never told; which is not the same as 0. */
export interface Readings extends Record<Measure, Spread | null> {
  /** How often it was read; less than in other buckets where a host, or who heard it, was away for a part of the time. */
  readonly samples: number;
}

/** The moment at which the bucket of this one begins. */
export function bucketOf(atMs: number): number {
  return Math.floor(atMs / BUCKET_MS) * BUCKET_MS;
}

/** What several stretches were together, each counting as often as it was read; null where there are none. */
export function combined(parts: readonly Readings[]): Readings | null {
  if (parts.length === 0) return null;
  const spreadOf = (measure: Measure) => spreadTogether(parts, measure);
  return {
    samples: parts.reduce((sum, { samples }) => sum + samples, 0),
    utilization: spreadOf("utilization"),
    memory_used: spreadOf("memory_used"),
    temperature: spreadOf("temperature"),
    power: spreadOf("power"),
  };
}

function spreadTogether(parts: readonly Readings[], measure: Measure): Spread | null {
  const reported = parts.flatMap(({ [measure]: spread, samples }) =>
    spread === null ? [] : [{ spread, samples }],
  );
  if (reported.length === 0) return null;
  const samples = reported.reduce((sum, one) => sum + one.samples, 0);
  return {
    min: Math.min(...reported.map(({ spread }) => spread.min)),
    mean: Math.round(reported.reduce((sum, one) => sum + one.spread.mean * one.samples, 0) / samples),
    max: Math.max(...reported.map(({ spread }) => spread.max)),
  };
}
