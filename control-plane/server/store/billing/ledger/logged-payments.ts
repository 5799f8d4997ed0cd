/**
 * Money that people moved, as it is kept outside of the database (backup/payment-log.ts), and how a restored ledger takes
 * back what it lacks. Each was accepted once, so it is not judged again: a refund may come before the charge that it gives
 * back, which the run's usage brings later.
 */
import { formatPoints, parsePoints } from "@remotegpu/shared/values/money";
import type { Database, Transaction } from "../../database/database.ts";
import { transaction } from "../../database/transaction.ts";
import type { Payment } from "./payments.ts";
import { type Posting, postTransaction } from "./ledger.ts";

export const PAYMENT_KINDS = ["topup", "refund", "adjustment", "writeoff"] as const;

export interface LoggedPayment {
  readonly kind: (typeof PAYMENT_KINDS)[number];
  /** As in Payment: the same id is paid once. */
  readonly id: string;
  readonly customerId: number;
  /** In points, as the API writes them. */
  readonly amount: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly reason: string | null;
  readonly actor: string;
  /** Of a refund. */
  readonly runId: string | null;
}

export type ReplayOutcome = "replayed" | "known" | "unknown-customer" | "unknown-run" | "beyond-column";

const CONTRA: Readonly<Record<LoggedPayment["kind"], Posting["contra"]>> = {
  topup: "cash",
  refund: "revenue",
  adjustment: "adjustment",
  writeoff: "writeoff",
};

export function loggedPayment(
  kind: LoggedPayment["kind"],
  { id, customerId, amount, at, reason, actor }: Payment,
  runId: string | null = null,
): LoggedPayment {
  return { kind, id, customerId, amount: formatPoints(amount), at: at.toISOString(), reason, actor, runId };
}

/** Each in a transaction of its own, in their order; one that is known changes nothing. */
export async function replayPayments(
  database: Database,
  payments: readonly LoggedPayment[],
): Promise<{ payment: LoggedPayment; outcome: ReplayOutcome }[]> {
  const outcomes: { payment: LoggedPayment; outcome: ReplayOutcome }[] = [];
  for (const payment of payments)
    outcomes.push({ payment, outcome: await transaction(database, (sql) => replay(sql, payment)) });
  return outcomes;
}

async function replay(sql: Transaction, payment: LoggedPayment): Promise<ReplayOutcome> {
  const { kind, id, customerId, amount, at, reason, actor, runId } = payment;
  if (runId !== null && !(await isRunOf(sql, { runId, customerId }))) return "unknown-run";
  const posted = await postTransaction(sql, {
    sourceKind: kind,
    sourceId: id,
    customerId,
    ...(runId !== null && { runId }),
    amount: parsePoints(amount),
    contra: CONTRA[kind],
    at: new Date(at),
    reason,
    actor,
  });
  if (posted.posted) return "replayed";
  return posted.reason === "known-source" ? "known" : posted.reason;
}

async function isRunOf(
  sql: Transaction,
  { runId, customerId }: { runId: string; customerId: number },
): Promise<boolean> {
  const { rowCount } = await sql.query("SELECT FROM runs WHERE id = $1 AND customer_id = $2 FOR UPDATE", [
    runId,
    customerId,
  ]);
  return rowCount > 0;
}

/** Those of them that the ledger does not have. */
export async function missingPayments(
  database: Database,
  payments: readonly LoggedPayment[],
): Promise<LoggedPayment[]> {
  const { rows } = await database.query<{ nth: number }>(
    `SELECT p.nth::int AS nth FROM unnest($1::text[], $2::text[]) WITH ORDINALITY p (kind, id, nth)
      WHERE NOT EXISTS (SELECT FROM ledger_transactions t WHERE t.source_kind = p.kind AND t.source_id = p.id)`,
    [payments.map(({ kind }) => kind), payments.map(({ id }) => id)],
  );
  return rows.flatMap(({ nth }) => payments[nth - 1] ?? []);
}
