/**
 * What is kept of a card as points in time for whoever may see a stretch of it. Each point stands for its whole step, and
 * nothing of it lies outside the stretch; what was not heard is there as null.
 */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { BUCKET_MS, type Readings, combined } from "./gpu-reading.ts";

export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A bucket that something was heard in. */
export interface StoredBucket {
  readonly atMs: number;
  readonly readings: Readings;
}

export interface Point {
  readonly atMs: number;
  readonly readings: Readings | null;
}

/** Up to this long a stretch is told in buckets, and beyond it in hours. */
const MAX_FINE_MS = 3 * MS_PER_DAY;
/** At the moment at which a host tells a reading it may be so old; of a card that changed hands it is the former one's. */
const READING_AGE_MS = 30 * MS_PER_SECOND;

export function stepOf({ fromMs, toMs }: Stretch): number {
  return toMs - fromMs > MAX_FINE_MS ? MS_PER_HOUR : BUCKET_MS;
}

/** The part of the time for which somebody held a card whose every reading was taken then. */
export function ownTime({ fromMs, toMs }: Stretch): Stretch {
  return { fromMs: Math.ceil((fromMs + READING_AGE_MS) / BUCKET_MS) * BUCKET_MS, toMs };
}

/** Null where nothing of one lies in the other. */
export function overlap(one: Stretch, other: Stretch): Stretch | null {
  const stretch = { fromMs: Math.max(one.fromMs, other.fromMs), toMs: Math.min(one.toMs, other.toMs) };
  return stretch.fromMs < stretch.toMs ? stretch : null;
}

/** One point for each step that has a whole bucket in the stretch, in the order of time. */
export function pointsOf(stored: readonly StoredBucket[], stretch: Stretch, stepMs: number): Point[] {
  const firstMs = Math.ceil(stretch.fromMs / BUCKET_MS) * BUCKET_MS;
  const endMs = Math.floor(stretch.toMs / BUCKET_MS) * BUCKET_MS;
  const within = stored.filter(({ atMs }) => atMs >= firstMs && atMs < endMs);
  const steps = Map.groupBy(within, ({ atMs }) => startOf(atMs, stepMs));
  const points: Point[] = [];
  for (let atMs = startOf(firstMs, stepMs); atMs < endMs; atMs += stepMs)
    points.push({ atMs, readings: combined((steps.get(atMs) ?? []).map(({ readings }) => readings)) });
  return points;
}

function startOf(atMs: number, stepMs: number): number {
  return Math.floor(atMs / stepMs) * stepMs;
}
