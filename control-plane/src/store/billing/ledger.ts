/**
 * The ledger: double entry, append only, once per cause. A positive amount on the account `customer` raises that
 * customer's balance; the other side is negative. Nothing else changes `customers.balance`.
 *
 * Order of locks everywhere: journal, runs by id, customers by id, placements, hosts by id.
 */
import { formatPoints, MAX_POINTS, parsePoints, type Points } from "@remotegpu/shared/money";
import { type OverdueStatus, statusAfterPosting } from "../../core/account-state.ts";
import { endRisk } from "../data-at-risk/risk-records.ts";
import { alertsAfterPostings, alertsAfterStatus } from "../alerts/money-alerts.ts";
import type { Connection } from "../database.ts";
import { appendEvent } from "../events.ts";

export type LedgerAccount = "customer" | "cash" | "revenue" | "adjustment" | "writeoff";

export interface Posting {
  /** With sourceId what caused the posting: the same cause posts once. */
  readonly sourceKind: "topup" | "charge" | "credit" | "storage" | "refund" | "adjustment" | "writeoff";
  readonly sourceId: string;
  readonly customerId: number;
  readonly runId?: string;
  /** What the customer's balance gains; the contra account loses it. */
  readonly amount: Points;
  readonly contra: Exclude<LedgerAccount, "customer">;
  readonly at: Date;
  readonly reason: string | null;
  /** "customer 12", "admin 1", "control-plane". */
  readonly actor: string;
}

export type Posted =
  | { posted: true; transactionId: number; balance: Points; status: OverdueStatus }
  | { posted: false; reason: "known-source" | "unknown-customer" | "beyond-column" };

export interface LockedAccount {
  readonly customerId: number;
  readonly balance: Points;
  readonly creditLimit: Points;
  readonly status: OverdueStatus;
  readonly overdueSince: Date | null;
  readonly currency: string;
}

/** Holds the payer's balance to the end of the transaction. The second lock of every charge; the run is the first. */
export async function lockAccount(
  transaction: Connection,
  customerId: number,
): Promise<LockedAccount | null> {
  return (await lockAccounts(transaction, [customerId])).get(customerId) ?? null;
}

/** The same of several payers, in the order of their ids. */
export async function lockAccounts(
  transaction: Connection,
  customerIds: readonly number[],
): Promise<Map<number, LockedAccount>> {
  // NO KEY: rows that merely refer to the customer are not kept waiting.
  const { rows } = await transaction.query<{
    id: number;
    balance: string;
    credit_limit: string;
    overdue_status: OverdueStatus;
    overdue_since: Date | null;
    currency: string;
  }>(
    `SELECT id, balance, credit_limit, overdue_status, overdue_since, currency
       FROM customers WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE`,
    [customerIds],
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        customerId: row.id,
        balance: parsePoints(row.balance),
        creditLimit: parsePoints(row.credit_limit),
        status: row.overdue_status,
        overdueSince: row.overdue_since,
        currency: row.currency,
      },
    ]),
  );
}

/** Entries, balance, and the state and alerts that follow from it, in the caller's transaction. */
export async function postTransaction(transaction: Connection, posting: Posting): Promise<Posted> {
  const account = await lockAccount(transaction, posting.customerId);
  if (account === null) return { posted: false, reason: "unknown-customer" };
  const balance = account.balance + posting.amount;
  if (balance > MAX_POINTS || balance + MAX_POINTS < 0n) return { posted: false, reason: "beyond-column" };

  const transactionId = await insertTransaction(transaction, posting);
  if (transactionId === null) return { posted: false, reason: "known-source" };
  await transaction.query(
    `INSERT INTO ledger_entries (transaction_id, account, customer_id, amount)
     VALUES ($1, 'customer', $2, $3::numeric), ($1, $4, $2, -$3::numeric)`,
    [transactionId, posting.customerId, formatPoints(posting.amount), posting.contra],
  );
  const status = statusAfterPosting({ ...account, balance }, posting.amount);
  await transaction.query(
    `UPDATE customers SET balance = $2,
            last_payment_at = CASE WHEN $3 THEN $4::timestamptz ELSE last_payment_at END
      WHERE id = $1`,
    [posting.customerId, formatPoints(balance), posting.sourceKind === "topup", posting.at],
  );
  const { customerId, at } = posting;
  await alertsAfterPostings(transaction, [{ customerId, before: account.balance, after: balance, at }]);
  await changeAccountStatus(transaction, account, { to: status, at });
  return { posted: true, transactionId, balance, status };
}

/** Writes a changed state with its moment, an event and alerts; does nothing when it is the same. */
export async function changeAccountStatus(
  transaction: Connection,
  account: Pick<LockedAccount, "customerId" | "status">,
  { to, at }: { to: OverdueStatus; at: Date },
): Promise<void> {
  if (to === account.status) return;
  await transaction.query(
    `UPDATE customers SET overdue_status = $2::text,
            overdue_since = CASE $2::text WHEN 'normal' THEN NULL WHEN 'overdue' THEN $3::timestamptz ELSE overdue_since END
      WHERE id = $1`,
    [account.customerId, to, at],
  );
  if (to === "normal") await endRisk(transaction, { customerId: account.customerId, at });
  await appendEvent(transaction, {
    at,
    kind: "account-status",
    customerId: account.customerId,
    actor: "control-plane",
    old: account.status,
    new: to,
  });
  await alertsAfterStatus(transaction, { customerId: account.customerId, to, at });
}

async function insertTransaction(transaction: Connection, posting: Posting): Promise<number | null> {
  const { rows } = await transaction.query<{ id: number }>(
    `INSERT INTO ledger_transactions (source_kind, source_id, customer_id, run_id, reason, actor, at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (source_kind, source_id) DO NOTHING RETURNING id`,
    [
      posting.sourceKind,
      posting.sourceId,
      posting.customerId,
      posting.runId ?? null,
      posting.reason,
      posting.actor,
      posting.at,
    ],
  );
  return rows[0]?.id ?? null;
}

export interface TrialBalance {
  /** Sum of every entry; anything but zero is a bug. */
  readonly total: string;
  /** Customers whose balance is not the sum of their entries. */
  readonly unbalancedCustomers: number;
}

/** Proves with one query that the books agree. It reads every entry: seconds where there are millions. */
export async function trialBalance(connection: Connection): Promise<TrialBalance> {
  const { rows } = await connection.query<{ total: string; unbalanced: number }>(
    `WITH sums AS (SELECT customer_id, sum(amount) AS total,
                          coalesce(sum(amount) FILTER (WHERE account = 'customer'), 0) AS balance
                     FROM ledger_entries GROUP BY customer_id)
     SELECT (SELECT coalesce(sum(total), 0)::numeric(20,4) FROM sums) AS total,
            (SELECT count(*) FROM customers c LEFT JOIN sums s ON s.customer_id = c.id
              WHERE c.balance <> coalesce(s.balance, 0)) AS unbalanced`,
  );
  return { total: rows[0]?.total ?? "0.0000", unbalancedCustomers: rows[0]?.unbalanced ?? 0 };
}
