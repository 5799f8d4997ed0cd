/**
 * Whether a container does anything: writes output, sends or receives, computes. Told from two looks at what it has used,
 * so that anything it did between them counts, and nothing of before. What cannot be read is taken for work: nobody is
 * called idle by a guess. Pure.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/units";

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
const LOOKED_AT_BYTES_PER_SECOND = 16_384;

export type CardLoad = {
  powerW: number | null;
  powerLimitW: number | null;
  utilizationPercent: number | null;
};

export type Look = {
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
export type Standing = { sample: Look; idleSinceMs: number };

export function afterLook(before: Standing | null, look: Look, bounds: Bounds): Standing {
  const isIdle = before !== null && !hasWorked(before.sample, look, bounds);
  return { sample: look, idleSinceMs: isIdle ? before.idleSinceMs : look.nowMs };
}

export function idleMs({ sample: look, idleSinceMs }: Standing): number {
  return look.nowMs - idleSinceMs;
}

function hasWorked(before: Look, look: Look, bounds: Bounds): boolean {
  const elapsedMs = look.nowMs - before.nowMs;
  const hasWritten = look.lastOutputAgeMs !== null && look.lastOutputAgeMs < elapsedMs;
  return hasWritten || hasSent(before, look, bounds) || hasComputed(before, look, bounds);
}

function hasSent(before: Look, look: Look, { otherRanks }: Bounds): boolean {
  if (before.networkBytes === null || look.networkBytes === null) return true;
  const perSecond = IDLE_BYTES_PER_SECOND + otherRanks * LOOKED_AT_BYTES_PER_SECOND;
  return look.networkBytes - before.networkBytes > (perSecond * (look.nowMs - before.nowMs)) / MS_PER_SECOND;
}

/** Cards say it where they say anything: the processors of a job whose cards wait may well spin. */
function hasComputed(before: Look, look: Look, { cpuMilli }: Bounds): boolean {
  const cards = look.cards.flatMap((card) => isBusy(card) ?? []);
  if (look.cards.length > 0 && cards.length === look.cards.length) return cards.some((busy) => busy);
  if (before.cpuMs === null || look.cpuMs === null) return true;
  const cores = Math.min(cpuMilli, MILLI_PER_CORE) / MILLI_PER_CORE;
  return look.cpuMs - before.cpuMs > IDLE_CPU_SHARE * cores * (look.nowMs - before.nowMs);
}

/** By its power, or else by its utilization; null where it tells neither. */
function isBusy({ powerW, powerLimitW, utilizationPercent }: CardLoad): boolean | null {
  if (powerW !== null && powerLimitW !== null) return powerW > IDLE_POWER_SHARE * powerLimitW;
  return utilizationPercent === null ? null : utilizationPercent > IDLE_UTILIZATION_PERCENT;
}
