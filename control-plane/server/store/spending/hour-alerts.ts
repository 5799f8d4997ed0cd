/**
 * What is to be told at a full hour, after its charges: how long the money lasts, what has accrued taken
 * off, and how much of the month's budget is spent. Only looks; `tell` in alerts.ts writes.
 */
import { parsePoints } from "@remotegpu/shared/values/money";
import { budgetAlerts, hoursLeftAlerts, type AlertNotice } from "../../core/alerts/alerts.ts";
import { type BillingCalendar, monthOf } from "../../core/billing/billing-calendar.ts";
import { balanceView } from "./balance.ts";
import type { Connection } from "../database/database.ts";
import { type AlertState, alertStates } from "../events/alert-states.ts";
import { monthSpending } from "../events/month-spending.ts";

export interface HourSnapshot {
  readonly hour: Date;
  readonly calendar: BillingCalendar;
}

/** Who has something running, a budget, or an alert that may be over; in the order of their ids. */
export async function customersToWarn(
  sql: Connection,
  { after, limit }: { after: number; limit: number },
): Promise<number[]> {
  const { rows } = await sql.query<{ id: number }>(
    `SELECT customer_id AS id FROM (
       SELECT customer_id FROM runs WHERE closed_at IS NULL AND first_proven_at IS NOT NULL AND customer_id > $1
       UNION SELECT customer_id FROM alert_rules WHERE monthly_limit IS NOT NULL AND customer_id > $1
       UNION SELECT customer_id FROM alerts
              WHERE recovered_at IS NULL AND kind IN ('hours-left', 'budget') AND customer_id > $1) one
      ORDER BY 1 LIMIT $2`,
    [after, limit],
  );
  return rows.map(({ id }) => id);
}

/** Customers for whom there is nothing to tell are left out. */
export async function hourTellings(
  sql: Connection,
  customerIds: readonly number[],
  snapshot: HourSnapshot,
): Promise<Map<number, AlertNotice[]>> {
  const states = await alertStates(sql, customerIds);
  const notices = new Map<number, AlertNotice[]>();
  const budgets = await budgetTellings(sql, states, snapshot);
  for (const [customerId, state] of states) {
    const ofHours = await hoursLeftTellings(sql, { customerId, state }, snapshot);
    const all = [...ofHours, ...(budgets.get(customerId) ?? [])];
    if (all.length > 0) notices.set(customerId, all);
  }
  return notices;
}

async function hoursLeftTellings(
  sql: Connection,
  { customerId, state: { rules, open } }: { customerId: number; state: AlertState },
  { hour }: HourSnapshot,
): Promise<AlertNotice[]> {
  if (rules.hoursLeft.length === 0 && !open.some(({ kind }) => kind === "hours-left")) return [];
  const view = await balanceView(sql, { customerId, now: hour });
  if (view === null) return [];
  return hoursLeftAlerts({
    hoursLeft: view.hours_left_after_accrued === null ? null : parsePoints(view.hours_left_after_accrued),
    funds: parsePoints(view.balance) + parsePoints(view.credit_limit) - parsePoints(view.accrued),
    thresholds: rules.hoursLeft,
    open,
  });
}

async function budgetTellings(
  sql: Connection,
  states: ReadonlyMap<number, AlertState>,
  { hour, calendar }: HourSnapshot,
): Promise<Map<number, AlertNotice[]>> {
  const concerned = [...states].filter(
    ([, { rules, open }]) => rules.monthlyLimit !== null || open.some(({ kind }) => kind === "budget"),
  );
  // At the midnight that ends a month the hour before it was charged, so that month is looked at once more.
  const month = monthOf(hour.getTime() - 1, calendar);
  const customerIds = concerned.map(([id]) => id);
  const spending = await monthSpending(sql, { customerIds, month, calendar });
  return new Map(
    concerned.map(([id, { rules, open }]) => {
      const spent = spending.get(id) ?? 0n;
      const { monthlyLimit: limit, budgetPercents: percents } = rules;
      return [id, budgetAlerts({ month, spent, limit, percents, open })];
    }),
  );
}
