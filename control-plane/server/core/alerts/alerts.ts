/**
 * What customers are told about their money, and when it is over: each alert fires once and recovers once before it
 * may fire again. Low balance is decided by the posting that crossed a threshold; hours left and budget by what is at a
 * full hour, beside what was told before. Who is told in which way is not decided here.
 */
import { formatPoints, parsePoints, type Points } from "@remotegpu/shared/values/money";
import type { OverdueStatus } from "../accounts/account-state.ts";
import type { Reason } from "../reasons/reason.ts";
import type { Month } from "../billing/billing-calendar.ts";

/** `overdue`, `suspended` and `data-at-risk` recover when the account is normal again. */
export const ALERT_KINDS = [
  "low-balance",
  "hours-left",
  "budget",
  "overdue",
  "suspended",
  "data-at-risk",
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** An alert that has fired and not recovered. Thresholds are points, hours, percent or days, in 1/10,000. */
export interface OpenAlert {
  readonly kind: AlertKind;
  readonly threshold: bigint | null;
  /** The month that a budget's alert is about. */
  readonly month: Month | null;
}

/** Something to tell. */
export interface AlertNotice extends OpenAlert {
  readonly state: "fired" | "recovered";
  /** What stands at or beyond the threshold: balance, hours left, what was spent, days of debt; the account's state. */
  readonly value: string;
  /** For people. */
  readonly sentence: Reason;
}

/**
 * Fires for each threshold that the balance fell to or through, the highest first. What is open ends once the balance
 * is above it, whether or not anybody still asks for that threshold.
 */
export function balanceAlerts(change: {
  readonly before: Points;
  readonly after: Points;
  readonly thresholds: readonly Points[];
  readonly open: readonly OpenAlert[];
}): AlertNotice[] {
  const { before, after } = change;
  const open = thresholdsOf(change.open, "low-balance");
  const fired = change.thresholds.filter((one) => before > one && after <= one && !open.includes(one));
  const recovered = open.filter((one) => after > one);
  const reported = { kind: "low-balance", month: null, value: formatPoints(after) } as const;
  const at = (one: Points) => ({ balance: reported.value, threshold: formatPoints(one) });
  return [
    ...[...fired].sort(descending).map((threshold): AlertNotice => {
      const sentence: Reason = { code: "balance-at-threshold", params: at(threshold) };
      return { ...reported, threshold, state: "fired", sentence };
    }),
    ...[...recovered].sort(ascending).map((threshold): AlertNotice => {
      const sentence: Reason = { code: "balance-above-threshold", params: at(threshold) };
      return { ...reported, threshold, state: "recovered", sentence };
    }),
  ];
}

/** Beyond its threshold by a quarter: a burn rate that goes up and down a little tells nobody anything. */
function isClearlyAbove(hours: bigint, threshold: bigint): boolean {
  return hours * 4n > threshold * 5n;
}

/**
 * @param look.hoursLeft after what has accrued, as the balance shows them, in 1/10,000 hour; null while nothing is running
 * @param look.funds balance and credit limit less what has accrued
 */
export function hoursLeftAlerts(check: {
  readonly hoursLeft: bigint | null;
  readonly funds: Points;
  readonly thresholds: readonly bigint[];
  readonly open: readonly OpenAlert[];
}): AlertNotice[] {
  const { hoursLeft, funds } = check;
  const open = thresholdsOf(check.open, "hours-left");
  const fired = check.thresholds.filter(
    (one) => hoursLeft !== null && hoursLeft <= one && !open.includes(one),
  );
  // Where nothing runs any more because the money is used up, nothing has become better.
  const recovered = open.filter((one) => (hoursLeft === null ? funds > 0n : isClearlyAbove(hoursLeft, one)));
  const value = hoursLeft === null ? "" : shortDecimal(hoursLeft);
  const reported = { kind: "hours-left", month: null, value } as const;
  const rest: Reason =
    hoursLeft === null
      ? { code: "nothing-running", params: {} }
      : { code: "money-lasts", params: { hours: value } };
  return [
    ...[...fired].sort(descending).map((threshold): AlertNotice => {
      return { ...reported, threshold, state: "fired", sentence: warned(rest, threshold) };
    }),
    ...[...recovered].sort(ascending).map((threshold): AlertNotice => {
      return { ...reported, threshold, state: "recovered", sentence: warned(rest, threshold) };
    }),
  ];
}

function warned(state: Reason, threshold: bigint): Reason {
  return { code: "hours-left-warning", params: { state, threshold: shortDecimal(threshold) } };
}

/** A month's budget warns; it stops nothing. Another month begins with nothing told. */
export function budgetAlerts(check: {
  readonly month: Month;
  readonly spent: Points;
  /** Null where there is no budget. */
  readonly limit: Points | null;
  readonly percents: readonly bigint[];
  readonly open: readonly OpenAlert[];
}): AlertNotice[] {
  const { month, spent, limit } = check;
  const isReached = (percent: bigint) => limit !== null && spent * HUNDRED_PERCENT >= limit * percent;
  const ofMonth = thresholdsOf(
    check.open.filter((one) => one.month === month),
    "budget",
  );
  const fired = check.percents.filter((percent) => isReached(percent) && !ofMonth.includes(percent));
  const recovered = check.open.filter(
    (one) =>
      one.kind === "budget" &&
      (one.month !== month ||
        !check.percents.includes(one.threshold ?? 0n) ||
        !isReached(one.threshold ?? 0n)),
  );
  const reported = { kind: "budget", value: formatPoints(spent) } as const;
  const recovery = (one: OpenAlert): Reason =>
    one.month !== null && one.month !== month
      ? { code: "budget-month-over", params: { month: one.month } }
      : leftOfBudget({ spent: reported.value, month, limit });
  return [
    ...recovered.map((one): AlertNotice => {
      return { ...one, ...reported, state: "recovered", sentence: recovery(one) };
    }),
    ...[...fired].sort(ascending).map((threshold): AlertNotice => {
      const percent = shortDecimal(threshold);
      const ofLimit = { spent: reported.value, limit: formatPoints(limit ?? 0n) };
      const sentence: Reason = { code: "budget-reached", params: { percent, month, ...ofLimit } };
      return { ...reported, month, threshold, state: "fired", sentence };
    }),
  ];
}

function leftOfBudget({ limit, ...params }: { spent: string; month: Month; limit: Points | null }): Reason {
  return limit === null
    ? { code: "budget-removed", params }
    : { code: "budget-left", params: { ...params, limit: formatPoints(limit) } };
}

/** 100 % in 1/10,000 percent. */
const HUNDRED_PERCENT = parsePoints("100");

const ACCOUNT_SENTENCES: Record<OverdueStatus, Reason> = {
  normal: { code: "account-normal-again", params: {} },
  overdue: { code: "account-money-used-up", params: {} },
  suspended: { code: "account-suspended-stopping", params: {} },
};

/** What a debt brings; a normal account has none. */
const ALERTS_OF_DEBT: readonly AlertKind[] = ["overdue", "suspended", "data-at-risk"];

/** The account has just come to this state. */
export function accountAlerts(to: OverdueStatus, open: readonly OpenAlert[]): AlertNotice[] {
  const reported = { value: to, sentence: ACCOUNT_SENTENCES[to] };
  if (to !== "normal")
    return open.some(({ kind }) => kind === to)
      ? []
      : [{ ...reported, threshold: null, month: null, kind: to, state: "fired" }];
  return open
    .filter(({ kind }) => ALERTS_OF_DEBT.includes(kind))
    .map((one) => ({ ...reported, ...one, state: "recovered" }));
}

function thresholdsOf(open: readonly OpenAlert[], kind: AlertKind): bigint[] {
  return open.flatMap((one) => (one.kind === kind && one.threshold !== null ? [one.threshold] : []));
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}

function descending(a: bigint, b: bigint): number {
  return a < b ? 1 : -1;
}

/** "24", "3.5" */
function shortDecimal(value: bigint): string {
  return formatPoints(value).replace(/\.?0+$/, "");
}
