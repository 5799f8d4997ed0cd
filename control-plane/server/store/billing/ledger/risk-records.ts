/** How far each debt was told of: the row of its customer, which goes with the debt. What is told is core/alerts/data-at-risk.ts. */
import { AT_RISK_DAY, type RiskDay } from "../../../core/alerts/data-at-risk.ts";
import type { Connection } from "../../database/database.ts";
import { appendEvents } from "../../events/events.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";

export async function notifiedDay(
  sql: Connection,
  { customerId, overdueSince }: { customerId: number; overdueSince: Date },
): Promise<RiskDay | null> {
  const { rows } = await sql.query<{ notified_day: RiskDay }>(
    "SELECT notified_day FROM data_risks WHERE customer_id = $1 AND overdue_since = $2",
    [customerId, overdueSince],
  );
  return rows[0]?.notified_day ?? null;
}

export async function setNotifiedDay(
  sql: Connection,
  reported: { customerId: number; overdueSince: Date; day: RiskDay; at: Date },
): Promise<void> {
  await sql.change(
    `INSERT INTO data_risks (customer_id, overdue_since, notified_day, notified_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (customer_id) DO UPDATE
        SET overdue_since = EXCLUDED.overdue_since, notified_day = EXCLUDED.notified_day, notified_at = EXCLUDED.notified_at`,
    [reported.customerId, reported.overdueSince, reported.day, reported.at],
  );
}

/** These accounts are normal again: nothing of them is at risk any more. */
export async function endRisks(
  sql: Connection,
  ended: readonly { customerId: number; at: Date }[],
): Promise<void> {
  if (ended.length === 0) return;
  const { rows } = await sql.change<{ customer_id: number; notified_day: RiskDay }>(
    "DELETE FROM data_risks WHERE customer_id = ANY($1::bigint[]) RETURNING customer_id, notified_day",
    [ended.map(({ customerId }) => customerId)],
  );
  const endedAt = new Map(ended.map(({ customerId, at }) => [customerId, at]));
  await appendEvents(
    sql,
    rows.flatMap(({ customer_id: customerId, notified_day }) => {
      const at = endedAt.get(customerId);
      if (at === undefined || notified_day !== AT_RISK_DAY) return [];
      const reason = reasonOf("account-data-safe");
      return { at, kind: "data-at-risk-ended", customerId, actor: "control-plane", reason };
    }),
  );
}
