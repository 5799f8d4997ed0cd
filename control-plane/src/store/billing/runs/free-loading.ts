/**
 * Replicas whose loading is not over, and what of it was granted of their payers' allowances: one row of run_waivers for
 * each stretch, from which the sum of every payer's hours can be added up again. What is granted is decided in
 * core/billing/free-loading.ts.
 */
import type { Interval } from "../../../core/billing/proven-time.ts";
import type { Connection, Transaction } from "../../database/database.ts";

/** Payers of replicas that load, in the order of their ids. */
export async function payersOfLoading(sql: Connection): Promise<number[]> {
  const { rows } = await sql.query<{ customer_id: number }>(
    "SELECT DISTINCT customer_id FROM runs WHERE is_loading ORDER BY customer_id",
  );
  return rows.map(({ customer_id }) => customer_id);
}

export interface LoadingRunRow {
  id: string;
  ordered_at: Date;
  waive_from: Date | null;
  closed_at: Date | null;
  last_proven_at: Date | null;
  /** When its host first reported that it serves; null while it does not. */
  served_at: Date | null;
}

/** Held to the end of the transaction, in the order of their ids. */
export async function lockLoadingRuns(sql: Transaction, customerId: number): Promise<LoadingRunRow[]> {
  const { rows } = await sql.query<LoadingRunRow>(
    `SELECT r.id, r.ordered_at, r.waive_from, r.closed_at, r.last_proven_at,
            (SELECT min(y.ready_at) FROM run_readiness y WHERE y.run_id = r.id) AS served_at
       FROM runs r WHERE r.is_loading AND r.customer_id = $1 ORDER BY r.id FOR NO KEY UPDATE OF r`,
    [customerId],
  );
  return rows;
}

/** What the payer was granted from that full hour on, of whichever runs. */
export async function grantedSince(
  sql: Connection,
  { customerId, hour }: { customerId: number; hour: Date },
): Promise<Interval[]> {
  const { rows } = await sql.query<{ from_at: Date; to_at: Date }>(
    "SELECT from_at, to_at FROM run_waivers WHERE allowance_of = $1 AND from_at >= $2 ORDER BY from_at",
    [customerId, hour],
  );
  return rows.map((row) => ({ fromMs: row.from_at.getTime(), toMs: row.to_at.getTime() }));
}

/** All of their loading is known and was looked at. Hold the runs. */
export async function settleLoading(sql: Transaction, runIds: readonly string[]): Promise<void> {
  if (runIds.length === 0) return;
  await sql.query("UPDATE runs SET is_loading = false WHERE id = ANY($1::text[])", [runIds]);
}
