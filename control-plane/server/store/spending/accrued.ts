/**
 * What was used and proven and is not posted yet, of any number of payers with the same few queries: the next full
 * hour takes it from their balances. Negative where time turned out to be waived.
 */
import { parsePoints, type Points } from "@remotegpu/shared/values/money";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { totalMs, without } from "../../core/billing/proven-time.ts";
import { billedMinutes, totalAmount } from "../../core/billing/rating.ts";
import { frozenLinesOf } from "../billing/runs/run-lines.ts";
import { provenTimes } from "../billing/runs/run-time.ts";
import { waivedTimes } from "../billing/runs/run-waivers.ts";
import type { Connection } from "../database/database.ts";

interface UnchargedRun {
  id: string;
  customerId: number;
  resourceId: string;
  provenMs: number;
  waiveFrom: Date | null;
  /** Only then must the run's time be read piece by piece; as a rule its sum says all. */
  isWaivedInPart: boolean;
  posted: string;
}

const UNCHARGED = `SELECT r.id, r.customer_id AS "customerId", r.resource_id AS "resourceId", r.proven_ms AS "provenMs",
    r.waive_from AS "waiveFrom", r.posted_amount AS posted,
    r.waive_from IS NOT NULL OR EXISTS (SELECT FROM run_waivers w WHERE w.run_id = r.id) AS "isWaivedInPart"`;

/** By payer; one for whom nothing has accrued is missing. */
export async function accruedOf(
  sql: Connection,
  customerIds: readonly number[],
): Promise<Map<number, Points>> {
  if (customerIds.length === 0) return new Map();
  const { rows } = await sql.query<UnchargedRun>(
    `${UNCHARGED} FROM runs r WHERE r.uncharged AND r.customer_id = ANY($1::bigint[])`,
    [customerIds],
  );
  return await summed(sql, rows, ({ customerId }) => customerId);
}

/** By workload. */
export async function accruedOfWorkloads(
  sql: Connection,
  { kind, ids }: { kind: WorkloadKind; ids: readonly string[] },
): Promise<Map<string, Points>> {
  const { rows } = await sql.query<UnchargedRun>(
    `${UNCHARGED} FROM unnest($2::text[]) w (id) JOIN runs r ON r.resource_id = w.id AND r.resource_type = $1
      WHERE r.uncharged`,
    [kind, ids],
  );
  return await summed(sql, rows, ({ resourceId }) => resourceId);
}

async function summed<Key>(
  sql: Connection,
  runs: readonly UnchargedRun[],
  keyOf: (run: UnchargedRun) => Key,
): Promise<Map<Key, Points>> {
  const accrued = new Map<Key, Points>();
  if (runs.length === 0) return accrued;
  const lines = await frozenLinesOf(
    sql,
    runs.map(({ id }) => id),
  );
  const payable = await payableInPart(
    sql,
    runs.filter(({ isWaivedInPart }) => isWaivedInPart),
  );
  for (const run of runs) {
    const priced = lines.get(run.id);
    // A run whose price is missing accrues nothing until there is one.
    if (priced === undefined) continue;
    const amount = totalAmount(priced, billedMinutes(payable.get(run.id) ?? run.provenMs));
    accrued.set(keyOf(run), (accrued.get(keyOf(run)) ?? 0n) + amount - parsePoints(run.posted));
  }
  return accrued;
}

/** Milliseconds of what is proven and not waived. */
async function payableInPart(sql: Connection, runs: readonly UnchargedRun[]): Promise<Map<string, number>> {
  if (runs.length === 0) return new Map();
  const proven = await provenTimes(
    sql,
    runs.map(({ id }) => id),
  );
  const waived = await waivedTimes(sql, runs);
  return new Map(runs.map(({ id }) => [id, totalMs(without(proven.get(id) ?? [], waived.get(id) ?? []))]));
}
