/** Invoices as they are read: a customer's, newest first; one with its lines and what else moved the account. */
import type { Connection } from "../../database/database.ts";
import { safeBigint } from "../../database/values/old-values.ts";

export interface InvoiceRow {
  id: number;
  invoice_no: string;
  customer_id: number;
  /** The first day of the month; null in invoices of the old system, which have no lines and no movements. */
  invoice_month: string | null;
  billing_period_start: Date;
  billing_period_end: Date;
  total_amount: string;
  currency: string | null;
  status: string | null;
  paid_at: Date | null;
  due: string | null;
  opening_balance: string | null;
  topups: string | null;
  refunds: string | null;
  adjustments: string | null;
  charges: string | null;
  closing_balance: string | null;
  created_at: Date | null;
}

const COLUMNS = `id, invoice_no, ${safeBigint("customer_id")} AS customer_id, invoice_month, billing_period_start,
  billing_period_end, total_amount, currency, status, paid_at, due, opening_balance, topups, refunds, adjustments, charges,
  closing_balance, created_at`;

/** One more than the limit. Null for the customer: everybody's. */
export async function listInvoices(
  sql: Connection,
  { customerId, page }: { customerId: number | null; page: { limit: number; after: number | null } },
): Promise<InvoiceRow[]> {
  const { rows } = await sql.query<InvoiceRow>(
    `SELECT ${COLUMNS} FROM invoices
      WHERE ($1::bigint IS NULL OR customer_id = $1) AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [customerId, page.after, page.limit + 1],
  );
  return rows;
}

export async function invoiceById(sql: Connection, id: number): Promise<InvoiceRow | null> {
  const { rows } = await sql.query<InvoiceRow>(`SELECT ${COLUMNS} FROM invoices WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

export interface InvoiceLineRow {
  number: number;
  resource_type: string;
  resource_id: string | null;
  resource_name: string | null;
  workspace_id: number | null;
  /** As it is called now, also where it is archived. */
  workspace_name: string | null;
  ordered_by: number | null;
  line: string | null;
  usage_month: string | null;
  minutes: number | null;
  quantity: string | null;
  unit_price: string | null;
  billing_unit: string | null;
  amount: string;
}

/** In their order; one more than the limit. */
export async function invoiceLines(
  sql: Connection,
  { invoiceId, page }: { invoiceId: number; page: { limit: number; after: number | null } },
): Promise<InvoiceLineRow[]> {
  const { rows } = await sql.query<InvoiceLineRow>(
    `SELECT number, resource_type, resource_id, resource_name, workspace_id,
            (SELECT w.name FROM workspaces w WHERE w.id = invoice_lines.workspace_id) AS workspace_name, ordered_by, line, usage_month,
            minutes, quantity, unit_price, billing_unit, amount
       FROM invoice_lines WHERE invoice_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
    [invoiceId, page.after ?? 0, page.limit + 1],
  );
  return rows;
}

export interface InvoiceMovementRow {
  transaction_id: number;
  kind: string;
  at: Date;
  amount: string;
  reason: string | null;
}

/** The first so many; their sums stand on the invoice itself. */
export async function invoiceMovements(
  sql: Connection,
  { invoiceId, limit }: { invoiceId: number; limit: number },
): Promise<InvoiceMovementRow[]> {
  const { rows } = await sql.query<InvoiceMovementRow>(
    `SELECT transaction_id, kind, at, amount, reason FROM invoice_movements WHERE invoice_id = $1
      ORDER BY at, transaction_id LIMIT $2`,
    [invoiceId, limit],
  );
  return rows;
}
