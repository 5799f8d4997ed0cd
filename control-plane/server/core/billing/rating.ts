/**
 * What a run costs: its proven time, less what is waived, rounded up once to minutes; each price line's amount
 * rounded once on the run's cumulative minutes and split by month of use. A charge is the difference to what was
 * posted before, so cutting, repeating or reordering messages cannot change a bill. Knows no ledger and no account.
 */
import {
  divideHalfUp,
  POINTS_DECIMALS,
  type Points,
  PRICE_DECIMALS,
  type Price,
  QUANTITY_DECIMALS,
  type Quantity,
} from "@remotegpu/shared/values/money";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { type BillingCalendar, type Month, monthAfter, monthEnd, monthOf } from "./billing-calendar.ts";
import { before, momentAfter, type ProvenTime, totalMs, without } from "./proven-time.ts";

export const BILLING_UNITS = ["minute", "hour", "day"] as const;
export type BillingUnit = (typeof BILLING_UNITS)[number];

/** The unit is only how the price is quoted; time is always counted in minutes. */
const MINUTES_PER_UNIT: Record<BillingUnit, bigint> = { minute: 1n, hour: 60n, day: 1440n };
export const UNITS_PER_DAY: Record<BillingUnit, bigint> = { minute: 1440n, hour: 24n, day: 1n };

/** A price line with the price that holds for it. */
export interface PricedLine {
  readonly line: string;
  readonly quantity: Quantity;
  readonly unitPrice: Price;
  readonly billingUnit: BillingUnit;
}

/** One line's part of a month. Minutes are the run's; every line shows the same. */
export interface MonthShare {
  readonly line: string;
  readonly usageMonth: Month;
  readonly minutes: number;
  readonly amount: Points;
}

export interface RatedRun {
  readonly provenMs: number;
  readonly waivedMs: number;
  readonly minutes: number;
  readonly amount: Points;
  /** In order of months, then of lines. */
  readonly shares: readonly MonthShare[];
}

/** A difference to post, and the stretch of time it stands for (UTC milliseconds). */
export interface Charge extends MonthShare {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A started minute is billed whole. */
export function billedMinutes(payableMs: number): number {
  return Number((BigInt(payableMs) + BigInt(MS_PER_MINUTE - 1)) / BigInt(MS_PER_MINUTE));
}

const SCALE = 10n ** BigInt(PRICE_DECIMALS + QUANTITY_DECIMALS - POINTS_DECIMALS);

/** minutes × unit price × quantity / minutes per unit, exact, then rounded half up to 4 decimals. */
export function amountOf(line: PricedLine, minutes: number): Points {
  const exact = BigInt(minutes) * line.unitPrice * line.quantity;
  return divideHalfUp(exact, MINUTES_PER_UNIT[line.billingUnit] * SCALE);
}

export function totalAmount(lines: readonly PricedLine[], minutes: number): Points {
  return lines.reduce((sum, line) => sum + amountOf(line, minutes), 0n);
}

/** What an order would cost for some minutes: one instance, rounded, times the instances. */
export function estimate(
  lines: readonly PricedLine[],
  order: { minutes: number; instances: number },
): Points {
  return totalAmount(lines, order.minutes) * BigInt(order.instances);
}

/**
 * @param run.proven the union of the run's proven intervals, in UTC milliseconds
 * @param run.waived when time is metered but not charged: stretches of UTC, the last of which may have no end
 */
export function rateRun(
  run: { proven: ProvenTime; waived: ProvenTime; lines: readonly PricedLine[] },
  calendar: BillingCalendar,
): RatedRun {
  const payable = without(run.proven, run.waived);
  const provenMs = totalMs(run.proven);
  const payableMs = totalMs(payable);
  return {
    provenMs,
    waivedMs: provenMs - payableMs,
    minutes: billedMinutes(payableMs),
    amount: totalAmount(run.lines, billedMinutes(payableMs)),
    shares: monthsOf(payable, calendar).flatMap((month) => sharesOf(month, run.lines)),
  };
}

/** What must be posted so that the posted shares become the rated ones: a credit where it is negative. */
export function chargesDue(
  run: { rated: RatedRun; posted: readonly MonthShare[]; proven: ProvenTime; waived: ProvenTime },
  calendar: BillingCalendar,
): Charge[] {
  const payable = without(run.proven, run.waived);
  return differences(run.rated.shares, run.posted).map((difference) => ({
    ...difference,
    ...stretchOf(difference, run.posted, payable, calendar),
  }));
}

interface MonthOfRun {
  readonly month: Month;
  /** Cumulative billed minutes of the run at the month's beginning and at its end. */
  readonly minutesBefore: number;
  readonly minutesAtEnd: number;
}

/** A minute that straddles midnight belongs to the month in which it began: it is counted in full before it. */
function monthsOf(payable: ProvenTime, calendar: BillingCalendar): MonthOfRun[] {
  const first = payable.at(0);
  const last = payable.at(-1);
  if (first === undefined || last === undefined) return [];
  const months: MonthOfRun[] = [];
  let minutesBefore = 0;
  const lastMonth = monthOf(last.toMs - 1, calendar);
  for (let month = monthOf(first.fromMs, calendar); month <= lastMonth; month = monthAfter(month, calendar)) {
    const minutesAtEnd = billedMinutes(totalMs(before(payable, monthEnd(month, calendar))));
    if (minutesAtEnd > minutesBefore) months.push({ month, minutesBefore, minutesAtEnd });
    minutesBefore = minutesAtEnd;
  }
  return months;
}

function sharesOf(month: MonthOfRun, lines: readonly PricedLine[]): MonthShare[] {
  return lines.map((line) => ({
    line: line.line,
    usageMonth: month.month,
    minutes: month.minutesAtEnd - month.minutesBefore,
    amount: amountOf(line, month.minutesAtEnd) - amountOf(line, month.minutesBefore),
  }));
}

function differences(rated: readonly MonthShare[], posted: readonly MonthShare[]): MonthShare[] {
  const sums = new Map<string, MonthShare>();
  const add = (share: MonthShare, sign: 1 | -1): void => {
    const key = `${share.usageMonth} ${share.line}`;
    const sum = sums.get(key) ?? { ...share, minutes: 0, amount: 0n };
    sums.set(key, {
      ...sum,
      minutes: sum.minutes + sign * share.minutes,
      amount: sum.amount + BigInt(sign) * share.amount,
    });
  };
  for (const share of rated) add(share, 1);
  for (const share of posted) add(share, -1);
  return [...sums.values()].filter((share) => share.minutes !== 0 || share.amount !== 0n);
}

/** From the end of the minutes that were posted before to the end of these; at least a point in time. */
function stretchOf(
  difference: MonthShare,
  posted: readonly MonthShare[],
  payable: ProvenTime,
  calendar: BillingCalendar,
): { fromMs: number; toMs: number } {
  const endMs = monthEnd(difference.usageMonth, calendar);
  const inMonth = before(payable, endMs);
  const minutesAtEnd = billedMinutes(totalMs(inMonth));
  const already = posted
    .filter((share) => share.line === difference.line && share.usageMonth <= difference.usageMonth)
    .reduce((sum, share) => sum + share.minutes, 0);
  const toMs = momentAfter(inMonth, minutesAtEnd * MS_PER_MINUTE) ?? endMs;
  const fromMs = momentAfter(inMonth, already * MS_PER_MINUTE) ?? endMs;
  return { fromMs: Math.min(fromMs, toMs), toMs };
}
