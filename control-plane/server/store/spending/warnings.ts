/** The hour tick's part: who owes for so long that something has to be told, and the events and alerts that tell it. */
import {
  AT_RISK_DAY,
  FIRST_RISK_DAY,
  riskAlert,
  riskDaysDue,
  riskSentence,
} from "../../core/alerts/data-at-risk.ts";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { notify } from "../events/alerts.ts";
import { lockAccount } from "../billing/ledger/ledger.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendEvents } from "../events/events.ts";
import { setNotifiedDay, notifiedDay } from "../billing/ledger/risk-records.ts";

/** Customers whose debt is old enough by this hour and of whom not everything was told, in the order of their ids. */
export async function customersToWarn(sql: Connection, hour: Date): Promise<number[]> {
  const { rows } = await sql.query<{ id: number }>(
    `SELECT c.id FROM customers c
      WHERE c.overdue_status <> 'normal' AND c.overdue_since <= $1
        AND NOT EXISTS (SELECT FROM data_risks r
                         WHERE r.customer_id = c.id AND r.notified_day = $2
                           AND r.overdue_since = date_trunc('milliseconds', c.overdue_since))
      ORDER BY c.id`,
    [new Date(hour.getTime() - FIRST_RISK_DAY * MS_PER_DAY), AT_RISK_DAY],
  );
  return rows.map(({ id }) => id);
}

/** Tells what is due at this (nominal) hour, each day once. */
export async function warnOfRisk(
  sql: Transaction,
  { customerId, hour }: { customerId: number; hour: Date },
): Promise<void> {
  const account = await lockAccount(sql, customerId);
  if (account === null || account.status === "normal" || account.overdueSince === null) return;
  const { overdueSince } = account;
  const reported = await notifiedDay(sql, { customerId, overdueSince });
  const due = riskDaysDue({ overdueSinceMs: overdueSince.getTime(), reportedDay: reported }, hour.getTime());
  const last = due.at(-1);
  if (last === undefined) return;
  await appendEvents(
    sql,
    due.map((day) => ({
      at: hour,
      kind: day === AT_RISK_DAY ? "data-at-risk" : "data-at-risk-warning",
      customerId,
      actor: "control-plane",
      new: String(day),
      reason: riskSentence(day),
    })),
  );
  await notify(sql, { customerId, at: hour, tellings: due.map(riskAlert) });
  await setNotifiedDay(sql, { customerId, overdueSince, day: last, at: hour });
}
