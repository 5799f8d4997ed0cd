/**
 * The ledger: double entry, append only, once per cause. A positive amount on the account `customer` raises that
 * customer's balance; the other side is negative. Nothing else changes `customers.balance`.
 *
 * Order of locks: journal, runs by id, customers by id, placements, hosts by id. What a host reports or is removed for
 * holds the host first; where two then wait in a circle, Postgres ends one, and its transaction is tried again.
 */
import assert from "node:assert/strict";
import { formatPoints, MAX_POINTS, parsePoints, type Points } from "@remotegpu/shared/values/money";
import { type OverdueStatus, statusAfterPosting } from "../../../core/accounts/account-state.ts";
import { endRisks } from "./risk-records.ts";
import { alertsAfterPostings, alertsAfterStatuses, type BalanceChange } from "../../events/money-alerts.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { appendEvents } from "../../events/events.ts";

type LedgerAccount = "customer" | "cash" | "revenue" | "adjustment" | "writeoff";

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
export async function lockAccount(sql: Transaction, customerId: number): Promise<LockedAccount | null> {
  return (await lockAccounts(sql, [customerId])).get(customerId) ?? null;
}

/** The same of several payers, in the order of their ids. */
export async function lockAccounts(
  sql: Transaction,
  customerIds: readonly number[],
): Promise<Map<number, LockedAccount>> {
  // NO KEY: rows that merely refer to the customer are not kept waiting.
  const { rows } = await sql.query<{
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
export async function postTransaction(sql: Transaction, posting: Posting): Promise<Posted> {
  const [posted] = await postTransactions(sql, [posting]);
  assert(posted !== undefined, "one posting has one answer");
  return posted;
}

/**
 * The same of many, whoever's: each finds the balance and the state that those before it left, as if they were posted
 * one by one.
 * @returns answers in the order of the postings
 */
export async function postTransactions(sql: Transaction, postings: readonly Posting[]): Promise<Posted[]> {
  if (postings.length === 0) return [];
  const accounts = await lockAccounts(sql, [...new Set(postings.map(({ customerId }) => customerId))]);
  const refusals = refusedPostings(postings, accounts);
  const ids = await insertTransactions(
    sql,
    postings.filter((posting) => !refusals.has(posting)),
  );
  const books = new Map(accounts);
  const changes: StatusChange[] = [];
  const moves: BalanceChange[] = [];
  const answers = postings.map((posting): Posted => {
    const transactionId = ids.get(posting);
    const account = books.get(posting.customerId);
    if (transactionId === undefined || account === undefined)
      return { posted: false, reason: refusals.get(posting) ?? "known-source" };
    const balance = account.balance + posting.amount;
    const status = statusAfterPosting({ ...account, balance }, posting.amount);
    const { customerId, at } = posting;
    books.set(customerId, { ...account, balance, status });
    moves.push({ customerId, before: account.balance, after: balance, at });
    if (status !== account.status) changes.push({ customerId, from: account.status, to: status, at });
    return { posted: true, transactionId, balance, status };
  });
  await insertEntries(sql, ids);
  await writeBalances(sql, [...ids.keys()], books);
  await alertsAfterPostings(sql, moves);
  await writeStatusChanges(sql, changes);
  return answers;
}

type Refusal = Extract<Posted, { posted: false }>["reason"];

/** What cannot be posted whatever the ledger has already: of two with one cause the first is posted. */
function refusedPostings(
  postings: readonly Posting[],
  accounts: ReadonlyMap<number, LockedAccount>,
): Map<Posting, Refusal> {
  const balances = new Map([...accounts].map(([customerId, { balance }]) => [customerId, balance]));
  const causes = new Set<string>();
  const refusals = new Map<Posting, Refusal>();
  for (const posting of postings) {
    const before = balances.get(posting.customerId);
    const balance = (before ?? 0n) + posting.amount;
    const cause = causeOf(posting.sourceKind, posting.sourceId);
    if (before === undefined) refusals.set(posting, "unknown-customer");
    else if (balance > MAX_POINTS || balance + MAX_POINTS < 0n) refusals.set(posting, "beyond-column");
    else if (causes.has(cause)) refusals.set(posting, "known-source");
    else {
      causes.add(cause);
      balances.set(posting.customerId, balance);
    }
  }
  return refusals;
}

/** @returns the transactions' ids, of those whose cause was not known */
async function insertTransactions(
  sql: Transaction,
  postings: readonly Posting[],
): Promise<Map<Posting, number>> {
  if (postings.length === 0) return new Map();
  const { rows } = await sql.change<{ id: number; source_kind: string; source_id: string }>(
    `INSERT INTO ledger_transactions (source_kind, source_id, customer_id, run_id, reason, actor, at)
     SELECT t.source_kind, t.source_id, t.customer_id, t.run_id, t.reason, t.actor, t.at
       FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
            WITH ORDINALITY t (source_kind, source_id, customer_id, run_id, reason, actor, at, nth)
      ORDER BY t.nth
     ON CONFLICT (source_kind, source_id) DO NOTHING RETURNING id, source_kind, source_id`,
    [
      postings.map(({ sourceKind }) => sourceKind),
      postings.map(({ sourceId }) => sourceId),
      postings.map(({ customerId }) => customerId),
      postings.map(({ runId }) => runId ?? null),
      postings.map(({ reason }) => reason),
      postings.map(({ actor }) => actor),
      postings.map(({ at }) => at.toISOString()),
    ],
  );
  const ids = new Map(rows.map((row) => [causeOf(row.source_kind, row.source_id), row.id]));
  return new Map(
    postings.flatMap((posting) => {
      const id = ids.get(causeOf(posting.sourceKind, posting.sourceId));
      return id === undefined ? [] : [[posting, id] as const];
    }),
  );
}

function causeOf(sourceKind: string, sourceId: string): string {
  return `${sourceKind} ${sourceId}`;
}

async function insertEntries(sql: Transaction, ids: ReadonlyMap<Posting, number>): Promise<void> {
  if (ids.size === 0) return;
  const postings = [...ids.keys()];
  await sql.change(
    `INSERT INTO ledger_entries (transaction_id, account, customer_id, amount)
     SELECT p.id, side.account, p.customer_id, side.amount
       FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::numeric[]) WITH ORDINALITY p (id, customer_id, contra, amount, nth)
      CROSS JOIN LATERAL (VALUES (1, 'customer', p.amount), (2, p.contra, -p.amount)) side (nth, account, amount)
      ORDER BY p.nth, side.nth`,
    [
      [...ids.values()],
      postings.map(({ customerId }) => customerId),
      postings.map(({ contra }) => contra),
      postings.map(({ amount }) => formatPoints(amount)),
    ],
  );
}

async function writeBalances(
  sql: Transaction,
  postings: readonly Posting[],
  books: ReadonlyMap<number, LockedAccount>,
): Promise<void> {
  if (postings.length === 0) return;
  const changed = [...new Set(postings.map(({ customerId }) => customerId))];
  const paidAt = new Map(
    postings.filter(({ sourceKind }) => sourceKind === "topup").map(({ customerId, at }) => [customerId, at]),
  );
  await sql.change(
    `UPDATE customers c SET balance = d.balance, last_payment_at = coalesce(d.paid_at, c.last_payment_at)
       FROM unnest($1::bigint[], $2::numeric[], $3::timestamptz[]) d (id, balance, paid_at) WHERE c.id = d.id`,
    [
      changed,
      changed.map((customerId) => formatPoints(books.get(customerId)?.balance ?? 0n)),
      changed.map((customerId) => paidAt.get(customerId) ?? null),
    ],
  );
}

interface StatusChange {
  readonly customerId: number;
  readonly from: OverdueStatus;
  readonly to: OverdueStatus;
  readonly at: Date;
}

/** Writes a changed state with its moment, an event and alerts; does nothing when it is the same. */
export async function changeAccountStatus(
  sql: Transaction,
  { customerId, status }: Pick<LockedAccount, "customerId" | "status">,
  { to, at }: { to: OverdueStatus; at: Date },
): Promise<void> {
  if (to !== status) await writeStatusChanges(sql, [{ customerId, from: status, to, at }]);
}

/** Each change is an event; the account keeps the last. */
async function writeStatusChanges(sql: Transaction, changes: readonly StatusChange[]): Promise<void> {
  if (changes.length === 0) return;
  const last = [...new Map(changes.map((change) => [change.customerId, change])).values()];
  // Who became overdue, and was made normal and overdue again, is so since the last time.
  await sql.change(
    `UPDATE customers c SET overdue_status = d.status,
            overdue_since = CASE d.status WHEN 'normal' THEN NULL WHEN 'overdue' THEN d.at ELSE c.overdue_since END
       FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) d (id, status, at) WHERE c.id = d.id`,
    [last.map(({ customerId }) => customerId), last.map(({ to }) => to), last.map(({ at }) => at)],
  );
  await endRisks(
    sql,
    changes.filter(({ to }) => to === "normal"),
  );
  await appendEvents(
    sql,
    changes.map(({ customerId, from, to, at }) => ({
      at,
      kind: "account-status",
      customerId,
      actor: "control-plane",
      old: from,
      new: to,
    })),
  );
  await alertsAfterStatuses(sql, changes);
}

export interface TrialBalance {
  /** Sum of every entry; anything but zero is a bug. */
  readonly total: string;
  /** Customers whose balance is not the sum of their entries. */
  readonly unbalancedCustomers: number;
}

/** Proves with one query that the books agree. It reads every entry: seconds where there are millions. */
export async function trialBalance(sql: Connection): Promise<TrialBalance> {
  const { rows } = await sql.query<{ total: string; unbalanced: number }>(
    `WITH sums AS (SELECT customer_id, sum(amount) AS total,
                          coalesce(sum(amount) FILTER (WHERE account = 'customer'), 0) AS balance
                     FROM ledger_entries GROUP BY customer_id)
     SELECT (SELECT coalesce(sum(total), 0)::numeric(38,4) FROM sums) AS total,
            (SELECT count(*) FROM customers c LEFT JOIN sums s ON s.customer_id = c.id
              WHERE c.balance <> coalesce(s.balance, 0)) AS unbalanced`,
  );
  return { total: rows[0]?.total ?? "0.0000", unbalancedCustomers: rows[0]?.unbalanced ?? 0 };
}
