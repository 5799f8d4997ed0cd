/**
 * What workloads cost, of a whole page of them with the same few queries: the rate at which each is charged now, its cost
 * so far, and by which rules time of it is not charged.
 */
import { formatPoints, parsePoints, type Points } from "@remotegpu/shared/values/money";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { burnOfWorkloads, type WorkloadBurn } from "../billing/runs/run-lines.ts";
import { ruleOfStop } from "../billing/runs/run-waivers.ts";
import type { Connection } from "../database/database.ts";
import { accruedOfWorkloads } from "../spending/accrued.ts";

export interface WorkloadCosts {
  /** What an hour of what runs of it would be charged, each line rounded, as in the payer's burn. */
  rate_per_hour: string;
  /** Charged for its runs, less what was given back, with what is proven and not charged yet. */
  cost_so_far: string;
}

export interface WorkloadMoney extends WorkloadCosts {
  /** In the order of their rules' names. */
  waivers: WorkloadWaiver[];
}

/** A rule by which time of a workload is not charged. */
interface WorkloadWaiver {
  rule: string;
  /** The number of its runs, over or not. */
  runs: number;
  /** The number of those that are free by it at this moment. */
  runs_now: number;
  /** What an hour of these would be charged without it. */
  rate_now: string;
}

export const NO_MONEY_YET: WorkloadMoney = { rate_per_hour: "0.0000", cost_so_far: "0.0000", waivers: [] };

interface Requested {
  kind: WorkloadKind;
  ids: readonly string[];
}

/** By id; those of which nothing ever ran are missing. */
export async function moneyOfWorkloads(
  sql: Connection,
  { kind, ids, at }: Requested & { at: Date },
): Promise<Map<string, WorkloadMoney>> {
  if (ids.length === 0) return new Map();
  const [charged, accrued, burns, waived] = await Promise.all([
    chargedOfWorkloads(sql, { kind, ids }),
    accruedOfWorkloads(sql, { kind, ids }),
    burnOfWorkloads(sql, { kind, ids, at }),
    waivedRunsOf(sql, { kind, ids }),
  ]);
  return new Map(
    [...charged].map(([id, points]) => {
      const burn = burns.get(id);
      const costs = costsAnswer({ charged: points, accrued: accrued.get(id), burn });
      return [id, { ...costs, waivers: waiversOf(waived.get(id) ?? new Map<string, number>(), burn) }];
    }),
  );
}

/**
 * Their rates and costs alone, where it is known what they were charged.
 * @param asked.charged by id
 */
export async function costsOfWorkloads(
  sql: Connection,
  { kind, ids, at, charged }: Requested & { at: Date; charged: ReadonlyMap<string, Points> },
): Promise<Map<string, WorkloadCosts>> {
  if (ids.length === 0) return new Map();
  const [accrued, burns] = await Promise.all([
    accruedOfWorkloads(sql, { kind, ids }),
    burnOfWorkloads(sql, { kind, ids, at }),
  ]);
  return new Map(
    [...charged].map(([id, points]) => [
      id,
      costsAnswer({ charged: points, accrued: accrued.get(id), burn: burns.get(id) }),
    ]),
  );
}

function costsAnswer(of: {
  charged: Points;
  accrued: Points | undefined;
  burn: WorkloadBurn | undefined;
}): WorkloadCosts {
  return {
    rate_per_hour: formatPoints(of.burn?.perHour ?? 0n),
    cost_so_far: formatPoints(of.charged + (of.accrued ?? 0n)),
  };
}

/** What is free now may have no time yet that would count as such. */
function waiversOf(runs: ReadonlyMap<string, number>, burn: WorkloadBurn | undefined): WorkloadWaiver[] {
  const rules = [...new Set([...runs.keys(), ...(burn?.freeNow.keys() ?? [])])].sort();
  return rules.map((rule) => {
    const now = burn?.freeNow.get(rule) ?? { runs: 0, perHour: 0n };
    const runsOfRule = Math.max(runs.get(rule) ?? 0, now.runs);
    return { rule, runs: runsOfRule, runs_now: now.runs, rate_now: formatPoints(now.perHour) };
  });
}

/**
 * SQL: of each workload, by the names of rules, how many of its runs have proven time that is not charged by them. Only runs
 * are read that had such time at their last charge, or wait for one: all of a workload may be a hundred thousand.
 */
export const WAIVED_RUNS = `WITH own AS MATERIALIZED (
    SELECT r.id, r.resource_id, r.waive_from, r.waive_reason, r.first_proven_at, r.last_proven_at
      FROM unnest($2::text[]) w (id) JOIN runs r ON r.resource_id = w.id AND r.resource_type = $1
     WHERE r.first_proven_at IS NOT NULL AND (r.waived_ms > 0 OR r.uncharged))
  SELECT resource_id AS id, rule, count(DISTINCT run_id) AS runs FROM (
    SELECT o.resource_id, o.id AS run_id, ${ruleOfStop("o.waive_reason")} AS rule
      FROM own o WHERE o.waive_from < o.last_proven_at
    UNION ALL
    SELECT o.resource_id, o.id, w.reason FROM own o JOIN run_waivers w ON w.run_id = o.id
     WHERE w.from_at < o.last_proven_at AND (w.to_at IS NULL OR w.to_at > o.first_proven_at)) free
   GROUP BY 1, 2`;

async function waivedRunsOf(
  sql: Connection,
  { kind, ids }: Requested,
): Promise<Map<string, Map<string, number>>> {
  const { rows } = await sql.query<{ id: string; rule: string; runs: number }>(WAIVED_RUNS, [kind, ids]);
  const ofWorkloads = Map.groupBy(rows, ({ id }) => id);
  return new Map(
    [...ofWorkloads].map(([id, rules]) => [id, new Map(rules.map(({ rule, runs }) => [rule, runs]))]),
  );
}

/**
 * SQL: what each workload was charged, less what was given back. Refunds are found by their payers, of whom each has few:
 * by runs it would read every transaction of each run, one an hour.
 */
export const CHARGED_RUNS = `WITH own AS MATERIALIZED (
    SELECT r.id, r.resource_id, r.customer_id, r.posted_amount
      FROM unnest($2::text[]) w (id) JOIN runs r ON r.resource_id = w.id AND r.resource_type = $1),
  refunds AS MATERIALIZED (
    SELECT t.id, t.run_id FROM ledger_transactions t
     WHERE t.source_kind = 'refund' AND t.customer_id IN (SELECT customer_id FROM own)),
  refunded AS (
    SELECT o.resource_id, sum(e.amount) AS amount
      FROM refunds f JOIN own o ON o.id = f.run_id
      JOIN ledger_entries e ON e.transaction_id = f.id AND e.account = 'customer' GROUP BY 1)
  SELECT o.resource_id AS id, (sum(o.posted_amount) - coalesce(max(f.amount), 0))::numeric(38,4) AS charged
    FROM own o LEFT JOIN refunded f ON f.resource_id = o.resource_id GROUP BY 1`;

export async function chargedOfWorkloads(
  sql: Connection,
  { kind, ids }: Requested,
): Promise<Map<string, Points>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<{ id: string; charged: string }>(CHARGED_RUNS, [kind, ids]);
  return new Map(rows.map(({ id, charged }) => [id, parsePoints(charged)]));
}
