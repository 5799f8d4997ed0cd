/**
 * The closing of a month: first nothing more can be posted onto it, then the invoices are made of the records that
 * bear it, page by page in the order of customers. What is made is never changed but for its payment. When a month is
 * due is decided by core/billing/billing-calendar.ts.
 *
 * Who posts locks runs, customers and then `invoice_closings` (the trigger of billing_records does that). A closing
 * locks only the last of these, so nobody waits in a circle.
 */
import type { Month } from "../../../core/billing/billing-calendar.ts";
import type { Connection, Transaction } from "../../database/database.ts";

export interface Closing {
  readonly month: Month;
  readonly isFinished: boolean;
}

/** The last month whose closing has begun; null before the first. */
export async function lastClosing(sql: Connection): Promise<Closing | null> {
  const { rows } = await sql.query<{ month: string; finished: boolean }>(
    "SELECT month, finished_at IS NOT NULL AS finished FROM invoice_closings ORDER BY month DESC LIMIT 1",
  );
  const row = rows[0];
  return row === undefined ? null : { month: monthFrom(row.month), isFinished: row.finished };
}

/** Where invoices begin in a database that never made any; null where nothing was ever posted. */
export async function firstInvoiceMonth(sql: Connection): Promise<Month | null> {
  const { rows } = await sql.query<{ month: string | null }>(
    "SELECT min(invoice_month) AS month FROM billing_records WHERE invoice_month IS NOT NULL",
  );
  const month = rows[0]?.month ?? null;
  return month === null ? null : monthFrom(month);
}

export interface ClosingMoment {
  readonly month: Month;
  readonly hour: Date;
  readonly term: number;
  readonly now: Date;
}

/** Waits for what is being posted; from the commit on, every record goes on a later invoice. */
export async function beginClosing(sql: Transaction, moment: ClosingMoment): Promise<void> {
  await sql.query("LOCK TABLE invoice_closings IN EXCLUSIVE MODE");
  await sql.change(
    `INSERT INTO invoice_closings (month, hour, term, started_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (month) DO UPDATE SET term = EXCLUDED.term`,
    [dateOf(moment.month), moment.hour, moment.term, moment.now],
  );
}

export interface InvoicePage extends ClosingMoment {
  /** The month from its first midnight to the one that ends it. */
  readonly from: Date;
  readonly to: Date;
  readonly customers: number;
}

/**
 * Makes the invoices of the next customers, or finishes the closing when there are none.
 * @returns whether the closing is finished
 */
export async function issueInvoices(sql: Transaction, page: InvoicePage): Promise<boolean> {
  const closing = await lockClosing(sql, page.month);
  if (closing === null || closing.isFinished) return true;
  const { rows } = await sql.query<{ customer_id: number }>(
    `SELECT DISTINCT customer_id FROM billing_records WHERE invoice_month = $1 AND customer_id > $2
      ORDER BY customer_id LIMIT $3`,
    [dateOf(page.month), closing.lastCustomerId, page.customers],
  );
  const last = rows.at(-1);
  if (last === undefined) {
    await sql.change("UPDATE invoice_closings SET finished_at = $2 WHERE month = $1", [
      dateOf(page.month),
      page.now,
    ]);
    return true;
  }
  const customerIds = rows.map((row) => row.customer_id);
  await sql.change(MAKE_INVOICES, [
    dateOf(page.month),
    customerIds,
    page.from,
    page.to,
    page.now,
    closing.invoices,
  ]);
  return false;
}

/** Whoever else makes invoices of this month waits, and goes on after ours. */
async function lockClosing(
  sql: Transaction,
  month: Month,
): Promise<{ isFinished: boolean; lastCustomerId: number; invoices: number } | null> {
  const { rows } = await sql.query<{ finished: boolean; last_customer_id: number; invoices: number }>(
    `SELECT finished_at IS NOT NULL AS finished, last_customer_id, invoices FROM invoice_closings
      WHERE month = $1 FOR NO KEY UPDATE`,
    [dateOf(month)],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return { isFinished: row.finished, lastCustomerId: row.last_customer_id, invoices: row.invoices };
}

/**
 * One statement, so one view of records, ledger and balances: $1 month, $2 customers, $3 to $4 its time, $5 now, $6 how
 * many invoices it has so far. A balance at a midnight is today's less what was posted since, which reads a month of the
 * ledger and not all of it. Charges are what use costs: of runs, their credits, and of storage. `due` is what the account owes when the invoice is issued.
 */
const MAKE_INVOICES = `
  WITH lines AS MATERIALIZED (
    SELECT b.customer_id, b.resource_type, b.resource_id, b.resource_name, b.workspace_id, r.ordered_by, b.line,
           b.usage_month, sum(b.billing_minutes) AS minutes, sum(b.amount) AS amount,
           CASE WHEN min(b.quantity) = max(b.quantity) THEN min(b.quantity) END AS quantity,
           CASE WHEN min(b.unit_price) = max(b.unit_price) THEN min(b.unit_price) END AS unit_price,
           CASE WHEN min(b.billing_unit) = max(b.billing_unit) THEN min(b.billing_unit) END AS billing_unit
      FROM billing_records b LEFT JOIN runs r ON r.id = b.run_id
     WHERE b.invoice_month = $1 AND b.customer_id = ANY($2::bigint[])
     GROUP BY b.customer_id, b.resource_type, b.resource_id, b.resource_name, b.workspace_id, r.ordered_by, b.line, b.usage_month
  ), totals AS (
    SELECT customer_id, sum(amount) AS total, row_number() OVER (ORDER BY customer_id) + $6::int AS number
      FROM lines GROUP BY customer_id
  ), posted AS MATERIALIZED (
    SELECT t.id, t.customer_id, t.source_kind, t.at, t.reason, e.amount
      FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
     WHERE t.customer_id = ANY($2::bigint[]) AND t.at >= $3::timestamptz
  ), moved AS (
    SELECT customer_id, coalesce(sum(amount) FILTER (WHERE at >= $4::timestamptz), 0) AS later,
           coalesce(sum(amount) FILTER (WHERE at < $4::timestamptz AND source_kind = 'topup'), 0) AS topups,
           coalesce(sum(amount) FILTER (WHERE at < $4::timestamptz AND source_kind = 'refund'), 0) AS refunds,
           coalesce(sum(amount) FILTER (WHERE at < $4::timestamptz AND source_kind NOT IN ('topup', 'refund', 'charge', 'credit', 'storage')), 0) AS adjustments,
           coalesce(-sum(amount) FILTER (WHERE at < $4::timestamptz AND source_kind IN ('charge', 'credit', 'storage')), 0) AS charges
      FROM posted GROUP BY customer_id
  ), accounts AS (
    SELECT c.id AS customer_id, c.currency, c.balance, c.overdue_status, c.balance - coalesce(m.later, 0) AS closing_balance,
           coalesce(m.topups, 0) AS topups, coalesce(m.refunds, 0) AS refunds,
           coalesce(m.adjustments, 0) AS adjustments, coalesce(m.charges, 0) AS charges
      FROM customers c LEFT JOIN moved m ON m.customer_id = c.id WHERE c.id = ANY($2::bigint[])
  ), judged AS (
    SELECT a.*, t.total, 'RG-' || to_char($1::date, 'YYYY-MM') || '-' || lpad(t.number::text, greatest(6, length(t.number::text)), '0') AS invoice_no,
           CASE WHEN t.total <= 0 OR (a.overdue_status = 'normal' AND a.balance >= 0) THEN 'paid'
                WHEN a.overdue_status = 'normal' THEN 'pending' ELSE 'overdue' END AS status
      FROM totals t JOIN accounts a USING (customer_id)
  ), made AS (
    INSERT INTO invoices (invoice_no, customer_id, invoice_month, billing_period_start, billing_period_end, total_amount,
      currency, status, paid_at, due, opening_balance, topups, refunds, adjustments, charges, closing_balance, created_at, updated_at)
    SELECT invoice_no, customer_id, $1, $3, $4, total, currency, status, CASE status WHEN 'paid' THEN $5::timestamptz END,
           CASE status WHEN 'paid' THEN 0 ELSE greatest(-balance, 0) END,
           closing_balance - topups - refunds - adjustments + charges, topups, refunds, adjustments, charges, closing_balance, $5, $5
      FROM judged ORDER BY customer_id
    RETURNING id, customer_id, total_amount
  ), lined AS (
    INSERT INTO invoice_lines (invoice_id, number, resource_type, resource_id, resource_name, workspace_id, ordered_by, line,
      usage_month, minutes, quantity, unit_price, billing_unit, amount)
    SELECT m.id, row_number() OVER (PARTITION BY m.id ORDER BY l.resource_type, l.resource_id, l.resource_name, l.workspace_id,
             l.ordered_by, l.usage_month, l.line),
           l.resource_type, l.resource_id, l.resource_name, l.workspace_id, l.ordered_by, l.line, l.usage_month, l.minutes,
           l.quantity, l.unit_price, l.billing_unit, l.amount
      FROM lines l JOIN made m USING (customer_id)
  ), shown AS (
    INSERT INTO invoice_movements (invoice_id, transaction_id, kind, at, amount, reason)
    SELECT m.id, p.id, p.source_kind, p.at, p.amount, p.reason FROM posted p JOIN made m USING (customer_id)
     WHERE p.at < $4::timestamptz AND p.source_kind NOT IN ('charge', 'credit', 'storage')
  )
  UPDATE invoice_closings SET last_customer_id = (SELECT max(customer_id) FROM unnest($2::bigint[]) AS page (customer_id)),
         invoices = invoices + (SELECT count(*) FROM made), amount = amount + (SELECT sum(total_amount) FROM made)
   WHERE month = $1`;

/**
 * Invoices that were issued to an account that owed: paid once it is normal again and what came in since covers what
 * was due; overdue as soon as the account is.
 */
export async function settleInvoices(sql: Transaction, now: Date): Promise<void> {
  await sql.change(
    `WITH found AS (
       SELECT i.id, i.status, c.overdue_status = 'normal' AND i.due <= (
                SELECT coalesce(sum(e.amount), 0) FROM ledger_transactions t
                  JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
                 WHERE t.customer_id = i.customer_id AND t.at >= i.created_at AND t.source_kind NOT IN ('charge', 'storage')) AS is_paid,
              c.overdue_status <> 'normal' AS is_overdue
         FROM invoices i JOIN customers c ON c.id = i.customer_id
        WHERE i.invoice_month IS NOT NULL AND i.status IN ('pending', 'overdue'))
     UPDATE invoices i SET status = CASE WHEN f.is_paid THEN 'paid' ELSE 'overdue' END,
            paid_at = CASE WHEN f.is_paid THEN $1::timestamptz END
       FROM found f WHERE f.id = i.id AND (f.is_paid OR f.is_overdue AND f.status = 'pending')`,
    [now],
  );
}

function dateOf(month: Month): string {
  return `${month}-01`;
}

function monthFrom(date: string): Month {
  return date.slice(0, 7);
}
