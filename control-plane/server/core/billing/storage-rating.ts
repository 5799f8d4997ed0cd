/**
 * What a workspace's day of storage costs: on each pool the mean of the samples that are there, all pools together,
 * less what is free, times the price; exact up to one rounding at the end. A pool whose sample of an hour is missing
 * is judged by its other samples, so that it makes no other pool's look larger or smaller. Knows no ledger.
 */
import {
  divideHalfUp,
  POINTS_DECIMALS,
  type Points,
  PRICE_DECIMALS,
  type Price,
} from "@remotegpu/shared/values/money";
import { GIB } from "@remotegpu/shared/values/units";
import { type BillingUnit, UNITS_PER_DAY } from "./rating.ts";

/** To so many decimals GB are told; amounts are made of the exact ones. */
export const GB_DECIMALS = 6;

/** A GB of a bill. */
const BYTES_PER_GB = BigInt(GIB);
const GB_SCALE = 10n ** BigInt(GB_DECIMALS);

/** A workspace's samples of one day on one pool. */
export interface PoolSamples {
  readonly bytes: bigint;
  readonly samples: number;
}

export interface RatedStorageDay {
  readonly samples: number;
  /** In 10^-6 GB. */
  readonly averageGb: bigint;
  readonly billableGb: bigint;
  /** Per GB and day; null where there was no price, which makes the day free. */
  readonly unitPrice: Price | null;
  readonly amount: Points;
}

export interface StorageTerms {
  readonly price: { readonly unitPrice: Price; readonly billingUnit: BillingUnit } | null;
  /** Of a workspace, on all pools together; in 10^-6 GB. */
  readonly freeGb: bigint;
}

/** Null where not one sample is there: such a day is not charged. */
export function rateStorageDay(
  pools: readonly PoolSamples[],
  { price, freeGb }: StorageTerms,
): RatedStorageDay | null {
  const sampled = pools.filter(({ samples }) => samples > 0);
  if (sampled.length === 0) return null;
  const mean = sumOfMeans(sampled);
  const beyondFree = mean.bytes * GB_SCALE - freeGb * BYTES_PER_GB * mean.per;
  const billable = { bytes: beyondFree > 0n ? beyondFree : 0n, per: mean.per * GB_SCALE };
  const unitPrice = price === null ? null : price.unitPrice * UNITS_PER_DAY[price.billingUnit];
  const scale = 10n ** BigInt(PRICE_DECIMALS - POINTS_DECIMALS);
  return {
    samples: sampled.reduce((sum, { samples }) => sum + samples, 0),
    averageGb: inGb(mean),
    billableGb: inGb(billable),
    unitPrice,
    amount: divideHalfUp(billable.bytes * (unitPrice ?? 0n), billable.per * BYTES_PER_GB * scale),
  };
}

/** A fraction: so many bytes divided by `per`. */
interface Fraction {
  readonly bytes: bigint;
  readonly per: bigint;
}

function sumOfMeans(pools: readonly PoolSamples[]): Fraction {
  let sum: Fraction = { bytes: 0n, per: 1n };
  for (const { bytes, samples } of pools) {
    const count = BigInt(samples);
    // Nearly all pools have all 24 samples: the common divisor then stays small.
    const per = sum.per % count === 0n ? sum.per : sum.per * count;
    sum = { bytes: (sum.bytes * per) / sum.per + (bytes * per) / count, per };
  }
  return sum;
}

function inGb({ bytes, per }: Fraction): bigint {
  return divideHalfUp(bytes * GB_SCALE, per * BYTES_PER_GB);
}
