/**
 * The share of the fleet that somebody has: the largest of CPU, memory and GPU among what is held now and was lately held,
 * beside all that the hosts have which take orders. Dominant resource fairness: A. Ghodsi, M. Zaharia, B. Hindman,
 * A. Konwinski, S. Shenker, I. Stoica, "Dominant Resource Fairness: Fair Allocation of Multiple Resource Types", NSDI 2011.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { Fleet } from "../placement/fleet/fleet.ts";

/** Parts of a host: thousandths of a core, MiB, thousandths of a GPU. */
export interface Amounts {
  cpuMilli: number;
  memoryMib: number;
  gpuThousandths: number;
}

/** Shares are whole millionths of the fleet, so that one core of a large fleet still counts. */
export const WHOLE_FLEET = 1_000_000;
/** A larger one is none that a fleet could give; beyond it products with weights would not be exact any more. */
const MOST_SHARE = 100_000_000_000;

export const NOTHING: Amounts = { cpuMilli: 0, memoryMib: 0, gpuThousandths: 0 };

export function plus(one: Amounts, other: Amounts): Amounts {
  return {
    cpuMilli: one.cpuMilli + other.cpuMilli,
    memoryMib: one.memoryMib + other.memoryMib,
    gpuThousandths: one.gpuThousandths + other.gpuThousandths,
  };
}

/** Millionths of the fleet, rounded down. What the fleet has nothing of counts for nobody. */
export function dominantShare(amounts: Amounts, capacity: Amounts): number {
  return Math.max(
    partOf(amounts.cpuMilli, capacity.cpuMilli),
    partOf(amounts.memoryMib, capacity.memoryMib),
    partOf(amounts.gpuThousandths, capacity.gpuThousandths),
  );
}

function partOf(amount: number, whole: number): number {
  if (amount <= 0 || whole <= 0) return 0;
  const product = amount * WHOLE_FLEET;
  const part = Number.isSafeInteger(product)
    ? Math.floor(product / whole)
    : Number((BigInt(Math.ceil(amount)) * BigInt(WHOLE_FLEET)) / BigInt(Math.ceil(whole)));
  return Math.min(part, MOST_SHARE);
}

/** What the hosts have together that take orders; a card counts the same whatever its model. */
export function capacityOf({ hosts }: Fleet): Amounts {
  const sum = { ...NOTHING };
  for (const host of hosts) {
    if (host.closed !== null) continue;
    sum.cpuMilli += Math.max(0, host.totalCpuMilli);
    sum.memoryMib += Math.max(0, host.totalMemoryMib);
    sum.gpuThousandths += THOUSANDTHS * host.gpus.filter(({ closed }) => closed === null).length;
  }
  return sum;
}

/** By how much an hour that has just begun counts; those before it count less. */
const FULL_FACTOR = 65_536;
/** What was held before so many half lives counts for less than a hundredth, and is left out. */
const HALF_LIVES = 7;

/**
 * By how much each hour counts: the present one, the one before it, and so on. Half as much after each half life, in a
 * straight line between, so that whole numbers are enough: never more than 6 % above the exponential curve.
 * @param halfLifeHours a whole number, 1 or more
 */
export function decayTable(halfLifeHours: number): number[] {
  return Array.from({ length: HALF_LIVES * halfLifeHours }, (_, age) => {
    const rest = age % halfLifeHours;
    const halved = FULL_FACTOR / 2 ** Math.floor(age / halfLifeHours);
    return Math.floor((halved * (2 * halfLifeHours - rest)) / (2 * halfLifeHours));
  });
}

/** What was held in one hour: amounts times the seconds for which they were. */
export interface HeldHour extends Amounts {
  /** 0 for the present hour, 1 for the one before. */
  age: number;
}

/** Amounts times seconds times the factors of the decay table, summed up. */
export interface Weighed {
  cpuMilli: bigint;
  memoryMib: bigint;
  gpuThousandths: bigint;
}

export function weighed(hours: readonly HeldHour[], decay: readonly number[]): Weighed {
  const sums = { cpuMilli: 0n, memoryMib: 0n, gpuThousandths: 0n };
  for (const hour of hours) {
    const factor = BigInt(decay[hour.age] ?? 0);
    sums.cpuMilli += BigInt(hour.cpuMilli) * factor;
    sums.memoryMib += BigInt(hour.memoryMib) * factor;
    sums.gpuThousandths += BigInt(hour.gpuThousandths) * factor;
  }
  return sums;
}

/**
 * The mean of what was held, in which the later counts more: whoever holds the same all the time has just that, and
 * whoever held it within the last hour alone has little of it. Rounded down.
 */
export function latelyHeld(sums: readonly Weighed[], decay: readonly number[]): Amounts {
  const whole = BigInt(SECONDS_PER_HOUR) * decay.reduce((sum, factor) => sum + BigInt(factor), 0n);
  const mean = (of: keyof Weighed) => Number(sums.reduce((sum, one) => sum + one[of], 0n) / whole);
  return { cpuMilli: mean("cpuMilli"), memoryMib: mean("memoryMib"), gpuThousandths: mean("gpuThousandths") };
}

const SECONDS_PER_HOUR = 3_600;
