/**
 * What customers spent in a month of the billing time zone: the charges of the time used in it, storage included, less
 * what was given back of them (credits), less the refunds made in it. Adjustments are no spending.
 */
import { parsePoints, type Points } from "@remotegpu/shared/values/money";
import {
  type BillingCalendar,
  type Month,
  monthEnd,
  monthBegin,
} from "../../core/billing/billing-calendar.ts";
import type { Connection } from "../database/database.ts";

/** The spending of each of these customers. */
export async function monthSpending(
  sql: Connection,
  {
    customerIds,
    month,
    calendar,
  }: { customerIds: readonly number[]; month: Month; calendar: BillingCalendar },
): Promise<Map<number, Points>> {
  const { rows } = await sql.query<{ customer_id: number; spent: string }>(
    `SELECT c.customer_id,
            ((SELECT coalesce(sum(b.amount), 0) FROM billing_records b
               WHERE b.customer_id = c.customer_id AND b.usage_month = $2::date)
             - (SELECT coalesce(sum(e.amount), 0)
                  FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
                 WHERE t.customer_id = c.customer_id AND t.source_kind = 'refund' AND t.at >= $3 AND t.at < $4)
            )::numeric(38,4) AS spent
       FROM unnest($1::bigint[]) AS c (customer_id)`,
    [customerIds, `${month}-01`, new Date(monthBegin(month, calendar)), new Date(monthEnd(month, calendar))],
  );
  return new Map(rows.map((row) => [row.customer_id, parsePoints(row.spent)]));
}
