/** What a customer sees of the money: the balance with what is not posted yet, and the records of what was charged. */
import { formatDecimal, formatPoints, parsePoints } from "@remotegpu/shared/money";
import { hundredthHoursLeft, type OverdueStatus } from "../../core/account-state.ts";
import type { Connection } from "../database.ts";
import { safeBigint } from "../old-values.ts";
import { accruedOf } from "../spending/accrued.ts";
import { burnPerHour } from "./run-lines.ts";

export interface BalanceView {
  readonly balance: string;
  readonly currency: string;
  readonly credit_limit: string;
  readonly overdue_status: OverdueStatus;
  readonly overdue_since: Date | null;
  readonly last_payment_at: Date | null;
  /** Proven and not posted yet: the next full hour takes it. */
  readonly accrued: string;
  readonly burn_per_hour: string;
  /** Until what is left after `accrued` is spent, too; null while nothing is running. */
  readonly hours_left: string | null;
}

interface MoneyRow {
  balance: string;
  currency: string;
  credit_limit: string;
  overdue_status: OverdueStatus;
  overdue_since: Date | null;
  last_payment_at: Date | null;
}

/** Null for a customer that does not exist. */
export async function balanceView(
  connection: Connection,
  { customerId, now }: { customerId: number; now: Date },
): Promise<BalanceView | null> {
  const { rows } = await connection.query<MoneyRow>(
    `SELECT balance, currency, credit_limit, overdue_status, overdue_since, last_payment_at
       FROM customers WHERE id = $1`,
    [customerId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const burn = await burnPerHour(connection, { customerId, at: now });
  const accrued = (await accruedOf(connection, [customerId])).get(customerId) ?? 0n;
  const funds = parsePoints(row.balance) + parsePoints(row.credit_limit) - accrued;
  const left = hundredthHoursLeft(funds, burn);
  return {
    ...row,
    accrued: formatPoints(accrued),
    burn_per_hour: formatPoints(burn),
    hours_left: left === null ? null : formatDecimal(left, 2),
  };
}

export interface BillingRecordRow {
  id: number;
  customer_id: number;
  workspace_id: number | null;
  resource_type: string;
  /** The old system's word. */
  legacy_resource_type: string | null;
  resource_id: string | null;
  resource_name: string | null;
  run_id: string | null;
  line: string | null;
  quantity: string;
  unit_price: string;
  billing_unit: string | null;
  billing_minutes: number | null;
  amount: string;
  currency: string | null;
  start_time: Date;
  end_time: Date;
  /** The first day of the month. */
  usage_month: string | null;
  invoice_month: string | null;
  created_at: Date | null;
}

export interface RecordFilter {
  /** Records this customer pays for, or that belong to one of these workspaces; null in both: everybody's. */
  readonly payerId: number | null;
  readonly workspaceIds: readonly number[] | null;
  readonly workspaceId: number | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly runId: string | null;
  /** Records whose time overlaps [from, to). */
  readonly from: Date | null;
  readonly to: Date | null;
}

/** Newest first; one more than the limit, so that the caller sees whether there is another page. */
export async function billingRecords(
  connection: Connection,
  filter: RecordFilter,
  page: { limit: number; after: number | null },
): Promise<BillingRecordRow[]> {
  const { rows } = await connection.query<BillingRecordRow>(
    `SELECT id, ${safeBigint("customer_id")} AS customer_id, ${safeBigint("workspace_id")} AS workspace_id,
            resource_type, legacy_resource_type, resource_id, resource_name, run_id, line, quantity, unit_price,
            billing_unit, billing_minutes, amount, currency, start_time, end_time, usage_month, invoice_month, created_at
       FROM billing_records
      WHERE ($1::bigint IS NULL AND $2::bigint[] IS NULL OR customer_id = $1 OR workspace_id = ANY($2::bigint[]))
        AND ($3::bigint IS NULL OR workspace_id = $3) AND ($4::text IS NULL OR resource_type = $4)
        AND ($5::text IS NULL OR resource_id = $5) AND ($6::text IS NULL OR run_id = $6)
        AND ($7::timestamptz IS NULL OR end_time > $7) AND ($8::timestamptz IS NULL OR start_time < $8)
        AND ($9::bigint IS NULL OR id < $9)
      ORDER BY id DESC LIMIT $10`,
    [
      filter.payerId,
      filter.workspaceIds,
      filter.workspaceId,
      filter.resourceType,
      filter.resourceId,
      filter.runId,
      filter.from,
      filter.to,
      page.after,
      page.limit + 1,
    ],
  );
  return rows;
}
