/**
 * Money that people move: top-ups, refunds, adjustments and write-offs, each once per id. A lost usage row is sent again by its
 * agent, a lost payment by nobody, so these commit with the strongest durability that the database offers.
 */
import { parsePoints, type Points } from "@remotegpu/shared/values/money";
import type { Connection, Transaction } from "../../database/database.ts";
import { lockAccount, type Posted, postTransaction } from "./ledger.ts";
import { lockRun } from "../runs/runs.ts";

export interface Payment {
  /** Names the payment for good: the same id is paid once. */
  readonly id: string;
  readonly customerId: number;
  readonly amount: Points;
  readonly at: Date;
  readonly reason: string | null;
  readonly actor: string;
}

export type PaymentResult =
  | Posted
  | {
      posted: false;
      reason: "not-positive" | "zero" | "unknown-run" | "more-than-charged" | "more-than-owed";
    };

/** The amount must be above zero. */
export async function topUp(sql: Transaction, payment: Payment): Promise<PaymentResult> {
  if (payment.amount <= 0n) return { posted: false, reason: "not-positive" };
  await commitDurably(sql);
  const { id, ...posting } = payment;
  return postTransaction(sql, { ...posting, sourceKind: "topup", sourceId: id, contra: "cash" });
}

/** A signed correction with a reason. */
export async function adjust(sql: Transaction, payment: Payment): Promise<PaymentResult> {
  if (payment.amount === 0n) return { posted: false, reason: "zero" };
  await commitDurably(sql);
  const { id, ...posting } = payment;
  return postTransaction(sql, {
    ...posting,
    sourceKind: "adjustment",
    sourceId: id,
    contra: "adjustment",
  });
}

/** Gives back at most what the run was charged and not refunded yet, else nothing at all. */
export async function refund(
  sql: Transaction,
  payment: Omit<Payment, "customerId"> & { readonly runId: string },
): Promise<PaymentResult> {
  if (payment.amount <= 0n) return { posted: false, reason: "not-positive" };
  await commitDurably(sql);
  const run = await lockRun(sql, payment.runId);
  if (run === null) return { posted: false, reason: "unknown-run" };
  // A known id is told apart from an amount that is too large: the first refund may have used up the rest.
  if (await isKnown(sql, "refund", payment.id)) return { posted: false, reason: "known-source" };
  const refunded = (await refundedOfRuns(sql, [payment.runId])).get(payment.runId) ?? 0n;
  if (payment.amount > run.postedAmount - refunded) return { posted: false, reason: "more-than-charged" };
  const { id, ...posting } = payment;
  return postTransaction(sql, {
    ...posting,
    customerId: run.customerId,
    sourceKind: "refund",
    sourceId: id,
    contra: "revenue",
  });
}

/** Forgives at most what the balance is below zero, else nothing at all. */
export async function writeOff(sql: Transaction, payment: Payment): Promise<PaymentResult> {
  if (payment.amount <= 0n) return { posted: false, reason: "not-positive" };
  await commitDurably(sql);
  const account = await lockAccount(sql, payment.customerId);
  if (account === null) return { posted: false, reason: "unknown-customer" };
  // As with a refund: the first one may have forgiven all.
  if (await isKnown(sql, "writeoff", payment.id)) return { posted: false, reason: "known-source" };
  if (payment.amount + account.balance > 0n) return { posted: false, reason: "more-than-owed" };
  const { id, ...posting } = payment;
  return postTransaction(sql, {
    ...posting,
    sourceKind: "writeoff",
    sourceId: id,
    contra: "writeoff",
  });
}

async function isKnown(sql: Transaction, kind: "refund" | "writeoff", id: string): Promise<boolean> {
  const { rowCount } = await sql.query(
    "SELECT FROM ledger_transactions WHERE source_kind = $1 AND source_id = $2",
    [kind, id],
  );
  return rowCount > 0;
}

/** What each of these runs was refunded, less what was taken back; missing where that is nothing. */
export async function refundedOfRuns(
  sql: Connection,
  runIds: readonly string[],
): Promise<Map<string, Points>> {
  if (runIds.length === 0) return new Map();
  const { rows } = await sql.query<{ run_id: string; refunded: string }>(
    `SELECT t.run_id, sum(e.amount) AS refunded
       FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
      WHERE t.run_id = ANY($1::text[]) AND t.source_kind = 'refund' GROUP BY t.run_id`,
    [runIds],
  );
  return new Map(rows.map((row) => [row.run_id, parsePoints(row.refunded)]));
}

async function commitDurably(sql: Transaction): Promise<void> {
  await sql.query("SET LOCAL synchronous_commit = 'remote_apply'");
}
