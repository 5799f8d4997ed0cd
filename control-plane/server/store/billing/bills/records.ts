/**
 * The records of what was charged, newest first, a page at a time. Each page is read along one index per branch: a
 * condition with OR, or one that is switched off by a parameter, would make Postgres walk through everybody's records.
 */
import type { Connection } from "../../database/database.ts";
import { EARLIER_PRICE, waiverReasons } from "../runs/run-waivers.ts";
import { safeBigint } from "../../database/values/old-values.ts";

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
  /** The reason of a credit; null of a charge, and where the old system has none. */
  cause: string | null;
}

/** Records this customer pays for, or that belong to one of these workspaces; null in both: everybody's. */
export interface BillReader {
  readonly payerId: number | null;
  readonly workspaceIds: readonly number[] | null;
}

export interface RecordFilter extends BillReader {
  readonly workspaceId: number | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly runId: string | null;
  /** Records whose time overlaps [from, to). */
  readonly from: Date | null;
  readonly to: Date | null;
  /** Records that count within it, as the statistics have them: by where their time ends. */
  readonly endsIn?: { readonly after: Date; readonly until: Date } | null | undefined;
}

const COLUMNS = `b.id, ${safeBigint("b.customer_id")} AS customer_id, ${safeBigint("b.workspace_id")} AS workspace_id,
  b.resource_type, b.legacy_resource_type, b.resource_id, b.resource_name, b.run_id, b.line, b.quantity, b.unit_price,
  b.billing_unit, b.billing_minutes, b.amount, b.currency, b.start_time, b.end_time, b.usage_month, b.invoice_month,
  b.created_at, CASE WHEN b.amount < 0 THEN t.reason END AS cause`;

/** One more than the limit, so that the caller sees whether there is another page. */
export async function billingRecords(
  sql: Connection,
  filter: RecordFilter,
  page: { limit: number; after: number | null },
): Promise<BillingRecordRow[]> {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const limit = bind(page.limit + 1);
  const wanted = conditionsOf(filter, page.after, bind);
  const ids = branchesOf(filter, bind)
    .map(({ from, where }) => {
      const conditions = [...where, ...wanted];
      const filtered = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
      return from(`SELECT r.id FROM billing_records r ${filtered} ORDER BY r.id DESC LIMIT ${limit}`);
    })
    // What the customer pays for may well be in one of the workspaces: UNION leaves it once.
    .join(" UNION ");
  const { rows } = await sql.query<BillingRecordRow>(
    `SELECT ${COLUMNS} FROM (SELECT id FROM (${ids}) found ORDER BY id DESC LIMIT ${limit}) page
       JOIN billing_records b ON b.id = page.id LEFT JOIN ledger_transactions t ON t.id = b.transaction_id
      ORDER BY b.id DESC`,
    values,
  );
  return await withCauses(sql, rows);
}

/** What is given back together with a greater charge has no transaction of its own, so that its run says why. */
async function withCauses(sql: Connection, rows: BillingRecordRow[]): Promise<BillingRecordRow[]> {
  const isOpen = ({ amount, cause, run_id: runId }: BillingRecordRow) =>
    amount.startsWith("-") && cause === null && runId !== null;
  const runIds = rows.filter(isOpen).map(({ run_id: runId }) => runId ?? "");
  const reasons = await waiverReasons(sql, [...new Set(runIds)]);
  return rows.map((row) =>
    isOpen(row) ? { ...row, cause: reasons.get(row.run_id ?? "") ?? EARLIER_PRICE } : row,
  );
}

type Bind = (value: unknown) => string;

function conditionsOf(filter: RecordFilter, after: number | null, bind: Bind): string[] {
  const conditions: string[] = [];
  const add = (value: unknown, condition: (parameter: string) => string): void => {
    if (value !== null) conditions.push(condition(bind(value)));
  };
  add(after, (id) => `r.id < ${id}::bigint`);
  add(filter.runId, (id) => `r.run_id = ${id}`);
  add(filter.resourceId, (id) => `r.resource_id = ${id}`);
  add(filter.workspaceId, (id) => `r.workspace_id = ${id}::bigint`);
  add(filter.resourceType, (type) => `r.resource_type = ${type}`);
  add(filter.from, (from) => `r.end_time > ${from}::timestamptz`);
  add(filter.to, (to) => `r.start_time < ${to}::timestamptz`);
  add(filter.endsIn?.after ?? null, (after) => `r.end_time > ${after}::timestamptz`);
  add(filter.endsIn?.until ?? null, (until) => `r.end_time <= ${until}::timestamptz`);
  return conditions;
}

interface Branch {
  readonly from: (page: string) => string;
  readonly where: readonly string[];
}

/** One run, resource or workspace has its own index; else each way in which the reader may see a record has one. */
function branchesOf(filter: RecordFilter, bind: Bind): Branch[] {
  const { payerId, workspaceIds } = filter;
  const alone = (page: string): string => `(${page})`;
  if (filter.runId !== null || filter.resourceId !== null || filter.workspaceId !== null)
    return [{ from: alone, where: readableBy(filter, bind) }];
  if (payerId === null && workspaceIds === null) return [{ from: alone, where: [] }];
  const branches: Branch[] = [];
  if (payerId !== null) branches.push({ from: alone, where: [`r.customer_id = ${bind(payerId)}::bigint`] });
  if (workspaceIds !== null && workspaceIds.length > 0)
    branches.push({
      from: (page) =>
        `(SELECT p.id FROM unnest(${bind(workspaceIds)}::bigint[]) AS w (id), LATERAL (${page}) p)`,
      where: ["r.workspace_id = w.id"],
    });
  return branches.length > 0 ? branches : [{ from: alone, where: ["false"] }];
}

/** The condition on the alias `r` for whoever reads; none for those who read everything. */
export function readableBy({ payerId, workspaceIds }: BillReader, bind: Bind): string[] {
  if (payerId === null && workspaceIds === null) return [];
  const routes = [
    ...(payerId === null ? [] : [`r.customer_id = ${bind(payerId)}::bigint`]),
    ...(workspaceIds === null ? [] : [`r.workspace_id = ANY(${bind(workspaceIds)}::bigint[])`]),
  ];
  return [`(${routes.join(" OR ")})`];
}
