/** What running instances are told to do should their host be cut off, by the money of who pays for them. */
import { formatPoints, parsePoints } from "@remotegpu/shared/money";
import { cutOffRule } from "../../core/cut-off-rule.ts";
import { GANG_STOP_AFTER_SECONDS } from "../../core/desired-set.ts";
import type { Connection } from "../database.ts";
import { raiseGeneration } from "../hosts/hosts.ts";
import { burnPerHour } from "./run-lines.ts";

/** Who pays for something that is wanted running, in the order of their ids. */
export async function payersOfRunning(sql: Connection): Promise<number[]> {
  const { rows } = await sql.query<{ id: number }>(
    `SELECT DISTINCT r.customer_id AS id FROM placements p JOIN runs r ON r.id = p.run_id
      WHERE p.want = 'running' AND p.resources_released_at IS NULL ORDER BY 1`,
  );
  return rows.map(({ id }) => id);
}

/** Call in a transaction. Answers the hosts whose desired set changed. */
export async function applyCutOffRule(
  sql: Connection,
  { customerId, now }: { customerId: number; now: Date },
): Promise<string[]> {
  const account = await sql.query<{ funds: string }>(
    "SELECT (balance + credit_limit) AS funds FROM customers WHERE id = $1",
    [customerId],
  );
  const funds = parsePoints(account.rows[0]?.funds ?? formatPoints(0n));
  const rule = cutOffRule({ funds, burnPerHour: await burnPerHour(sql, { customerId, at: now }) });
  const { rows } = await sql.query<{ host_id: string }>(
    `UPDATE placements SET live = live || $2::jsonb
      WHERE want = 'running' AND resources_released_at IS NULL AND NOT live @> $2::jsonb AND NOT live @> $3::jsonb
        AND run_id IN (SELECT id FROM runs WHERE customer_id = $1 AND closed_at IS NULL)
      RETURNING host_id`,
    // A gang's own end comes sooner than any that money sets.
    [customerId, JSON.stringify(rule), JSON.stringify({ stopAfterSeconds: GANG_STOP_AFTER_SECONDS })],
  );
  const hostIds = [...new Set(rows.map(({ host_id }) => host_id))].sort();
  for (const hostId of hostIds) await raiseGeneration(sql, hostId);
  return hostIds;
}
