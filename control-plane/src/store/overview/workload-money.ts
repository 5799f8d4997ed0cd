/** What workloads cost, of a whole page of them with the same few queries: the rate at which each is charged now, and its cost so far. */
import { formatPoints, parsePoints, type Points } from "@remotegpu/shared/money";
import type { WorkloadKind } from "@remotegpu/shared/workload";
import { burnOfWorkloads } from "../billing/runs/run-lines.ts";
import type { Connection } from "../database/database.ts";
import { accruedOfWorkloads } from "../spending/accrued.ts";

export interface WorkloadMoney {
  /** What an hour of what runs of it would be charged, each line rounded, as in the payer's burn. */
  rate_per_hour: string;
  /** Charged for its runs, less what was given back, with what is proven and not charged yet. */
  cost_so_far: string;
}

export const NO_MONEY_YET: WorkloadMoney = { rate_per_hour: "0.0000", cost_so_far: "0.0000" };

interface Asked {
  kind: WorkloadKind;
  ids: readonly string[];
}

/**
 * By id; those of which nothing ever ran are missing.
 * @param asked where it is known what they were charged, that is not asked
 */
export async function moneyOfWorkloads(
  sql: Connection,
  { kind, ids, at, charged: known }: Asked & { at: Date; charged?: ReadonlyMap<string, Points> },
): Promise<Map<string, WorkloadMoney>> {
  if (ids.length === 0) return new Map();
  const [charged, accrued, rates] = await Promise.all([
    known ?? chargedOfWorkloads(sql, { kind, ids }),
    accruedOfWorkloads(sql, { kind, ids }),
    burnOfWorkloads(sql, { kind, ids, at }),
  ]);
  return new Map(
    [...charged].map(([id, points]) => [
      id,
      {
        rate_per_hour: formatPoints(rates.get(id) ?? 0n),
        cost_so_far: formatPoints(points + (accrued.get(id) ?? 0n)),
      },
    ]),
  );
}

/** For all their runs, less what was given back. */
export async function chargedOfWorkloads(
  sql: Connection,
  { kind, ids }: Asked,
): Promise<Map<string, Points>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<{ id: string; charged: string }>(
    `WITH own AS MATERIALIZED (SELECT r.id, r.resource_id, r.posted_amount FROM unnest($2::text[]) w (id)
                  JOIN runs r ON r.resource_id = w.id AND r.resource_type = $1),
          refunds AS (
            SELECT o.resource_id, sum(e.amount) AS amount
              FROM own o JOIN ledger_transactions t ON t.run_id = o.id AND t.source_kind = 'refund'
              JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer' GROUP BY 1)
     SELECT o.resource_id AS id, (sum(o.posted_amount) - coalesce(max(f.amount), 0))::numeric(38,4) AS charged
       FROM own o LEFT JOIN refunds f ON f.resource_id = o.resource_id GROUP BY 1`,
    [kind, ids],
  );
  return new Map(rows.map(({ id, charged }) => [id, parsePoints(charged)]));
}
