/**
 * When the data of a customer who owes is at risk, and when that is told beforehand. A debt counts from the moment at
 * which the account became overdue, through its suspension, to the moment at which it is normal again. What is deleted
 * then is an administrator's decision and never a clock's.
 */
import { parsePoints } from "@remotegpu/shared/values/money";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { Reason } from "../reasons/reason.ts";
import type { AlertNotice } from "./alerts.ts";

/** The days of a debt after which something is told, once each; the last of them is the one itself. */
const RISK_DAYS = [30, 53, 59, 60] as const;
export type RiskDay = (typeof RISK_DAYS)[number];
export const AT_RISK_DAY = 60 satisfies RiskDay;
export const FIRST_RISK_DAY = RISK_DAYS[0];

export interface Debt {
  readonly overdueSinceMs: number;
  /** What was told of this debt last; null for nothing yet. */
  readonly reportedDay: RiskDay | null;
}

/** What has to be told by now, in the order of the days: more than one where hours were missed. */
export function riskDaysDue({ overdueSinceMs, reportedDay: notifiedDay }: Debt, nowMs: number): RiskDay[] {
  return RISK_DAYS.filter((day) => day > (notifiedDay ?? 0) && overdueSinceMs + day * MS_PER_DAY <= nowMs);
}

export function atRiskFromMs(overdueSinceMs: number): number {
  return overdueSinceMs + AT_RISK_DAY * MS_PER_DAY;
}

/** The reason of that day's event. */
export function riskSentence(day: RiskDay): Reason {
  return day === AT_RISK_DAY
    ? { code: "account-data-at-risk", params: { days: day } }
    : { code: "account-data-at-risk-soon", params: { days: day, days_left: AT_RISK_DAY - day } };
}

/** The same as an alert: each day is a threshold of its own. */
export function riskAlert(day: RiskDay): AlertNotice {
  const days = String(day);
  return {
    kind: "data-at-risk",
    threshold: parsePoints(days),
    month: null,
    state: "fired",
    value: days,
    sentence: riskSentence(day),
  };
}
