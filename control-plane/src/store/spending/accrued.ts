/**
 * What was used and proven and is not posted yet, of any number of payers with the same few queries: the next full
 * hour takes it from their balances. Negative where time turned out to be waived.
 */
import { parsePoints, type Points } from "@remotegpu/shared/money";
import { totalMs, without } from "../../core/billing/proven-time.ts";
import { billedMinutes, totalAmount } from "../../core/billing/rating.ts";
import { frozenLinesOf } from "../billing/runs/run-lines.ts";
import { provenTimes } from "../billing/runs/run-time.ts";
import { waivedTimes } from "../billing/runs/run-waivers.ts";
import type { Connection } from "../database/database.ts";

interface UnchargedRun {
  id: string;
  customerId: number;
  provenMs: number;
  waiveFrom: Date | null;
  /** Only then must the run's time be read piece by piece; as a rule its sum says all. */
  isWaivedInPart: boolean;
  posted: string;
}

/** By payer; one for whom nothing has accrued is missing. */
export async function accruedOf(
  sql: Connection,
  customerIds: readonly number[],
): Promise<Map<number, Points>> {
  if (customerIds.length === 0) return new Map();
  const { rows } = await sql.query<UnchargedRun>(
    `SELECT id, customer_id AS "customerId", proven_ms AS "provenMs", waive_from AS "waiveFrom", posted_amount AS posted,
            waive_from IS NOT NULL OR EXISTS (SELECT FROM run_waivers w WHERE w.run_id = runs.id) AS "isWaivedInPart"
       FROM runs WHERE uncharged AND customer_id = ANY($1::bigint[])`,
    [customerIds],
  );
  const accrued = new Map<number, Points>();
  const lines = await frozenLinesOf(
    sql,
    rows.map(({ id }) => id),
  );
  const payable = await payableInPart(
    sql,
    rows.filter(({ isWaivedInPart }) => isWaivedInPart),
  );
  for (const { id, customerId, provenMs, posted } of rows) {
    const priced = lines.get(id);
    // A run whose price is missing accrues nothing until there is one.
    if (priced === undefined) continue;
    const amount = totalAmount(priced, billedMinutes(payable.get(id) ?? provenMs));
    accrued.set(customerId, (accrued.get(customerId) ?? 0n) + amount - parsePoints(posted));
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
