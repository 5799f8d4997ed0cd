/**
 * What was used and proven and is not posted yet, of any number of payers with the same few queries: the next full
 * hour takes it from their balances. Negative where time turned out to be waived.
 */
import { parsePoints, type Points } from "@remotegpu/shared/money";
import { totalMs, without } from "../../core/proven-time.ts";
import { billedMinutes, totalAmount } from "../../core/rating.ts";
import { frozenLinesOf } from "../billing/run-lines.ts";
import { provenTimes } from "../billing/run-time.ts";
import { waivedTimes } from "../billing/run-waivers.ts";
import type { Connection } from "../database.ts";

interface UnchargedRun {
  id: string;
  customerId: number;
  waiveFrom: Date | null;
  posted: string;
}

/** By payer; one for whom nothing has accrued is missing. */
export async function accruedOf(
  connection: Connection,
  customerIds: readonly number[],
): Promise<Map<number, Points>> {
  const { rows } = await connection.query<UnchargedRun>(
    `SELECT id, customer_id AS "customerId", waive_from AS "waiveFrom", posted_amount AS posted FROM runs
      WHERE uncharged AND customer_id = ANY($1::bigint[])`,
    [customerIds],
  );
  const accrued = new Map<number, Points>();
  if (rows.length === 0) return accrued;
  const ids = rows.map(({ id }) => id);
  const lines = await frozenLinesOf(connection, ids);
  const proven = await provenTimes(connection, ids);
  const waived = await waivedTimes(connection, rows);
  for (const { id, customerId, posted } of rows) {
    const priced = lines.get(id);
    // A run whose price is missing accrues nothing until there is one.
    if (priced === undefined) continue;
    const payable = without(proven.get(id) ?? [], waived.get(id) ?? []);
    const amount = totalAmount(priced, billedMinutes(totalMs(payable)));
    accrued.set(customerId, (accrued.get(customerId) ?? 0n) + amount - parsePoints(posted));
  }
  return accrued;
}
