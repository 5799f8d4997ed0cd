/**
 * At which rate money is spent, exactly: a price per day has no hourly one with four decimals, so hours left are not
 * those by the burn that is shown.
 */
import {
  POINTS_DECIMALS,
  type Points,
  PRICE_DECIMALS,
  QUANTITY_DECIMALS,
} from "@remotegpu/shared/values/money";
import { type PricedLine, UNITS_PER_DAY } from "./rating.ts";

/** What a day costs, in 10^-36: a whole number for every unit in which prices are quoted. */
export type Burn = bigint & { readonly __unit?: "burn/10^36" };

const HOURS_PER_DAY = 24n;
const PARTS_PER_POINT = 10n ** BigInt(PRICE_DECIMALS + QUANTITY_DECIMALS - POINTS_DECIMALS);

export function burnOf({ unitPrice, quantity, billingUnit }: PricedLine): Burn {
  return unitPrice * quantity * UNITS_PER_DAY[billingUnit];
}

/** Hours until the funds are spent at this rate, in hundredths, rounded down; null when nothing is burning. */
export function hundredthHoursLeft(funds: Points, burn: Burn): bigint | null {
  if (burn <= 0n) return null;
  return funds <= 0n ? 0n : (funds * 100n * HOURS_PER_DAY * PARTS_PER_POINT) / burn;
}
