/**
 * Replicas whose loading is not over, and what of it was granted of their payers' allowances: one row of run_waivers for
 * each stretch, from which the sum of every payer's hours can be added up again. What is granted is decided in
 * core/billing/free-loading.ts.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { hourOf } from "../../../core/billing/free-loading.ts";
import type { Interval } from "../../../core/billing/proven-time.ts";
import { setting } from "../../accounts/settings.ts";
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

/**
 * Runs of these workloads whose loading is free at this moment: of each payer the one that was ordered first of all that
 * load, as long as something of the hour's allowance is left by what was granted up to now.
 */
export async function freeLoadingRuns(
  sql: Connection,
  { kind, ids, at }: { kind: WorkloadKind; ids: readonly string[]; at: Date },
): Promise<string[]> {
  const { rows } = await sql.query<{ id: string; customer_id: number }>(
    `WITH payers AS MATERIALIZED (
       SELECT DISTINCT r.customer_id FROM unnest($1::text[]) w (id)
         JOIN runs r ON r.resource_id = w.id AND r.resource_type = $3 AND r.is_loading)
     SELECT DISTINCT ON (r.customer_id) r.id, r.customer_id
       FROM runs r JOIN payers USING (customer_id)
      WHERE r.is_loading AND r.closed_at IS NULL AND (r.waive_from IS NULL OR r.waive_from > $2)
        AND EXISTS (SELECT FROM placements p WHERE p.run_id = r.id AND p.state = 'ready')
        AND NOT EXISTS (SELECT FROM run_readiness y WHERE y.run_id = r.id)
        AND NOT EXISTS (SELECT FROM run_waivers w WHERE w.run_id = r.id AND w.to_at IS NULL)
      ORDER BY r.customer_id, r.ordered_at, r.id`,
    [ids, at, kind],
  );
  if (rows.length === 0) return [];
  const usedMs = await grantedMs(sql, {
    customerIds: rows.map(({ customer_id }) => customer_id),
    hour: new Date(hourOf(at.getTime())),
  });
  const allowanceMs = Number(await setting(sql, "FREE_LOADING_MINUTES")) * MS_PER_MINUTE;
  return rows.flatMap(({ id, customer_id: payer }) => ((usedMs.get(payer) ?? 0) < allowanceMs ? [id] : []));
}

/** The allowance that was granted in this full hour, by payer. */
async function grantedMs(
  sql: Connection,
  { customerIds, hour }: { customerIds: readonly number[]; hour: Date },
): Promise<Map<number, number>> {
  if (customerIds.length === 0) return new Map();
  const { rows } = await sql.query<{ payer: number; ms: number }>(
    `SELECT allowance_of AS payer, (extract(epoch FROM sum(to_at - from_at)) * 1000)::bigint AS ms
       FROM run_waivers
      WHERE allowance_of = ANY($1::bigint[]) AND from_at >= $2 AND from_at < $2 + interval '1 hour' GROUP BY 1`,
    [customerIds, hour],
  );
  return new Map(rows.map(({ payer, ms }) => [payer, ms]));
}

/** All of their loading is known and was looked at. Hold the runs. */
export async function settleLoading(sql: Transaction, runIds: readonly string[]): Promise<void> {
  if (runIds.length === 0) return;
  await sql.change("UPDATE runs SET is_loading = false WHERE id = ANY($1::text[])", [runIds]);
}
