/**
 * The charge of one workspace's day: billing record, ledger and the row that says that the day is charged, in the
 * caller's transaction. The charge counts as made at the midnight that ends the day, whenever that comes to be. Doing
 * it again posts nothing, and samples that come later change nothing.
 */
import { formatDecimal, formatPoints, formatPrice, parseDecimal } from "@remotegpu/shared/values/money";
import {
  type BillingCalendar,
  type BillingDay,
  invoiceMonth,
} from "../../../core/billing/billing-calendar.ts";
import {
  GB_DECIMALS,
  type RatedStorageDay,
  rateStorageDay,
  type StorageTerms,
} from "../../../core/billing/storage-rating.ts";
import { raiseAlarmOnce } from "../../events/alarms.ts";
import { lockAccount, postTransaction } from "../ledger/ledger.ts";
import { pricesInForce } from "../prices/prices.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { setting } from "../../accounts/settings.ts";
import { samplesOfDay } from "./day-samples.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

/** Spec and line of the catalogue. */
const STORAGE = "storage";

interface StorageBill {
  readonly workspaceId: number;
  readonly day: BillingDay;
  readonly calendar: BillingCalendar;
}

/** Whether the day was charged by this call, be it nothing. */
export async function chargeStorageDay(sql: Transaction, bill: StorageBill): Promise<boolean> {
  const workspace = await payerOf(sql, bill.workspaceId);
  const account = workspace && (await lockAccount(sql, workspace.owner_id));
  // An owner whom the old system lost pays nothing.
  if (!workspace || account === null || (await isCharged(sql, bill))) return false;
  const samples = await samplesOfDay(sql, { workspaceIds: [bill.workspaceId], day: bill.day });
  const terms = await storageTerms(sql, bill.day);
  const rated = rateStorageDay(samples.get(bill.workspaceId) ?? [], terms);
  if (rated === null) return false;
  const customerId = account.customerId;
  const transactionId = rated.amount === 0n ? null : await post(sql, bill, { customerId, rated });
  if (transactionId === "beyond-column") return false;
  if (rated.amount > 0n)
    await insertRecord(sql, bill, { ...account, rated, name: workspace.name, transactionId });
  await insertDay(sql, bill, { customerId, rated, transactionId });
  return true;
}

/** The terms of a day: a price that begins at the midnight that ends it is the next day's. */
export async function storageTerms(
  sql: Connection,
  { toMs }: Pick<BillingDay, "toMs">,
): Promise<StorageTerms> {
  const prices = await pricesInForce(sql, { spec: STORAGE, at: new Date(toMs - 1) });
  const price = prices.find(({ line }) => line === STORAGE) ?? null;
  return { price, freeGb: parseDecimal(await setting(sql, "FREE_STORAGE_GB"), GB_DECIMALS) };
}

async function payerOf(
  sql: Connection,
  workspaceId: number,
): Promise<{ owner_id: number; name: string } | null> {
  const { rows } = await sql.query<{ owner_id: number; name: string }>(
    "SELECT owner_id, name FROM workspaces WHERE id = $1",
    [workspaceId],
  );
  return rows[0] ?? null;
}

async function isCharged(sql: Connection, { workspaceId, day }: StorageBill): Promise<boolean> {
  const { rowCount } = await sql.query("SELECT FROM storage_days WHERE workspace_id = $1 AND day = $2", [
    workspaceId,
    day.day,
  ]);
  return rowCount > 0;
}

async function post(
  sql: Transaction,
  { workspaceId, day }: StorageBill,
  { customerId, rated }: { customerId: number; rated: RatedStorageDay },
): Promise<number | "beyond-column"> {
  const sourceId = `${workspaceId}/${day.day}`;
  const at = new Date(day.toMs);
  const posted = await postTransaction(sql, {
    sourceKind: "storage",
    sourceId,
    customerId,
    amount: 0n - rated.amount,
    contra: "revenue",
    at,
    reason: null,
    actor: "control-plane",
  });
  // The balance cannot hold it: the day stays free, an alarm says so, and nobody else's waits for it.
  if (!posted.posted && posted.reason === "beyond-column") {
    const params = { amount: formatPoints(rated.amount), customer_id: customerId };
    const reason: Reason = { code: "day-beyond-balance", params };
    await raiseAlarmOnce(sql, { kind: "charge-beyond-column", subject: sourceId, reason, now: at });
    return posted.reason;
  }
  if (!posted.posted) throw new Error(`storage ${sourceId} cannot be posted: ${posted.reason}`);
  return posted.transactionId;
}

async function insertRecord(
  sql: Transaction,
  { workspaceId, day, calendar }: StorageBill,
  paid: {
    customerId: number;
    currency: string;
    name: string;
    rated: RatedStorageDay;
    transactionId: number | null;
  },
): Promise<void> {
  const { rated } = paid;
  await sql.change(
    `INSERT INTO billing_records (customer_id, workspace_id, resource_type, resource_id, resource_name, line, quantity,
       unit_price, billing_unit, amount, currency, start_time, end_time, usage_month, invoice_month, transaction_id,
       created_at)
     VALUES ($1, $2::bigint, 'storage', $2::text, $3, 'storage', $4, $5, 'day', $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      paid.customerId,
      workspaceId,
      paid.name,
      formatDecimal(rated.billableGb, GB_DECIMALS),
      formatPrice(rated.unitPrice ?? 0n),
      formatPoints(rated.amount),
      paid.currency,
      new Date(day.fromMs),
      new Date(day.toMs),
      `${day.month}-01`,
      `${invoiceMonth(day.month, day.toMs, calendar)}-01`,
      paid.transactionId,
      new Date(day.toMs),
    ],
  );
}

async function insertDay(
  sql: Transaction,
  { workspaceId, day }: StorageBill,
  {
    customerId,
    rated,
    transactionId,
  }: { customerId: number; rated: RatedStorageDay; transactionId: number | null },
): Promise<void> {
  await sql.change(
    `INSERT INTO storage_days (workspace_id, day, customer_id, samples, average_gb, billable_gb, unit_price, amount,
       transaction_id, charged_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      workspaceId,
      day.day,
      customerId,
      rated.samples,
      formatDecimal(rated.averageGb, GB_DECIMALS),
      formatDecimal(rated.billableGb, GB_DECIMALS),
      rated.unitPrice === null ? null : formatPrice(rated.unitPrice),
      formatPoints(rated.amount),
      transactionId,
      new Date(day.toMs),
    ],
  );
}
