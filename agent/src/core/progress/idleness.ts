/**
 * Whether a container does anything: writes output, sends or receives, computes. Told from two looks at what it has used,
 * so that anything it did between them counts, and nothing of before. What cannot be read is taken for work: nobody is
 * called idle by a guess. Pure.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

/**
 * The share of one core, or of what it was given where that is less: a program that only waits wakes up now and then.
 */
const IDLE_CPU_SHARE = 0.05;
const MILLI_PER_CORE = 1_000;
/**
 * The share of what a card may draw. One that waits for others with its processors spinning draws little more than at
 * rest.
 */
const IDLE_POWER_SHARE = 0.25;
const IDLE_UTILIZATION_PERCENT = 5;
/** In each direction together: what a container hears of its neighbours and keeps open connections alive with. */
const IDLE_BYTES_PER_SECOND = 8_192;
/**
 * The bytes that probing each other rank may cost: agents probe through their ranks with full packets, and two such
 * rounds may fall into one sample.
 */
const CHECKED_BYTES_PER_SECOND = 16_384;

export type CardLoad = {
  powerW: number | null;
  powerLimitW: number | null;
  utilizationPercent: number | null;
};

export type ActivitySample = {
  nowMs: number;
  /** Each since its container began; null where it cannot be told. */
  cpuMs: number | null;
  networkBytes: number | null;
  /** Null where it never wrote. */
  lastOutputAgeMs: number | null;
  cards: readonly CardLoad[];
};

/** What it was given, and how many others are in its gang. */
export type Bounds = { cpuMilli: number; otherRanks: number };

/** The last look, and the first one since which nothing was done. */
export type ActivityState = { sample: ActivitySample; idleSinceMs: number };

export function afterSample(
  before: ActivityState | null,
  sample: ActivitySample,
  bounds: Bounds,
): ActivityState {
  const isIdle = before !== null && !hasWorked(before.sample, sample, bounds);
  return { sample, idleSinceMs: isIdle ? before.idleSinceMs : sample.nowMs };
}

export function idleMs({ sample, idleSinceMs }: ActivityState): number {
  return sample.nowMs - idleSinceMs;
}

function hasWorked(before: ActivitySample, sample: ActivitySample, bounds: Bounds): boolean {
  const elapsedMs = sample.nowMs - before.nowMs;
  const hasWritten = sample.lastOutputAgeMs !== null && sample.lastOutputAgeMs < elapsedMs;
  return hasWritten || hasSent(before, sample, bounds) || hasComputed(before, sample, bounds);
}

function hasSent(before: ActivitySample, sample: ActivitySample, { otherRanks }: Bounds): boolean {
  if (before.networkBytes === null || sample.networkBytes === null) return true;
  const perSecond = IDLE_BYTES_PER_SECOND + otherRanks * CHECKED_BYTES_PER_SECOND;
  return (
    sample.networkBytes - before.networkBytes > (perSecond * (sample.nowMs - before.nowMs)) / MS_PER_SECOND
  );
}

/** Cards say it where they say anything: the processors of a job whose cards wait may well spin. */
function hasComputed(before: ActivitySample, sample: ActivitySample, { cpuMilli }: Bounds): boolean {
  const cards = sample.cards.flatMap((card) => isBusy(card) ?? []);
  if (sample.cards.length > 0 && cards.length === sample.cards.length) return cards.some((busy) => busy);
  if (before.cpuMs === null || sample.cpuMs === null) return true;
  const cores = Math.min(cpuMilli, MILLI_PER_CORE) / MILLI_PER_CORE;
  return sample.cpuMs - before.cpuMs > IDLE_CPU_SHARE * cores * (sample.nowMs - before.nowMs);
}

/** By its power, or else by its utilization; null where it tells neither. */
function isBusy({ powerW, powerLimitW, utilizationPercent }: CardLoad): boolean | null {
  if (powerW !== null && powerLimitW !== null) return powerW > IDLE_POWER_SHARE * powerLimitW;
  return utilizationPercent === null ? null : utilizationPercent > IDLE_UTILIZATION_PERCENT;
}
