/**
 * What a charge takes of runs, for many at once: what is proven and waived, and what was posted. Their lines are asked
 * in run-lines.ts.
 */
import { parsePoints } from "@remotegpu/shared/values/money";
import type { ProvenTime } from "../../../core/billing/proven-time.ts";
import type { PricedLine, MonthShare } from "../../../core/billing/rating.ts";
import type { Connection } from "../../database/database.ts";
import { waivedTimes } from "./run-waivers.ts";
import type { Run } from "./runs.ts";

export interface RateableRun {
  /** With frozen prices; null while one has none. */
  readonly lines: readonly PricedLine[] | null;
  readonly proven: ProvenTime;
  readonly waived: ProvenTime;
  readonly posted: PostedShares;
}

interface PostedShares {
  /** By line and month of use. */
  readonly shares: readonly MonthShare[];
  readonly lastAt: Date | null;
  /** How many ledger transactions the run has had. */
  readonly count: number;
}

const NOTHING_POSTED: PostedShares = { shares: [], lastAt: null, count: 0 };

/** In the order of the runs, with the lines, and what is proven, that the caller has of them. */
export async function rateableRuns(
  sql: Connection,
  runs: readonly Run[],
  {
    lines,
    proven,
  }: { lines: ReadonlyMap<string, readonly PricedLine[]>; proven: ReadonlyMap<string, ProvenTime> },
): Promise<{ run: Run; rateable: RateableRun }[]> {
  if (runs.length === 0) return [];
  const ids = runs.map(({ id }) => id);
  const waived = await waivedTimes(sql, runs);
  const posted = await postedShares(sql, ids);
  return runs.map((run) => ({
    run,
    rateable: {
      lines: lines.get(run.id) ?? null,
      proven: proven.get(run.id) ?? [],
      waived: waived.get(run.id) ?? [],
      posted: posted.get(run.id) ?? NOTHING_POSTED,
    },
  }));
}

interface ShareRow {
  run_id: string;
  line: string;
  usage_month: string;
  minutes: number;
  amount: string;
  last_at: Date;
  transactions: number[] | null;
}

/** What was posted of runs so far; one of which nothing was is missing. */
async function postedShares(sql: Connection, runIds: readonly string[]): Promise<Map<string, PostedShares>> {
  const { rows } = await sql.query<ShareRow>(
    `SELECT run_id, line, usage_month, sum(billing_minutes) AS minutes, sum(amount) AS amount, max(created_at) AS last_at,
            array_agg(DISTINCT transaction_id) FILTER (WHERE transaction_id IS NOT NULL) AS transactions
       FROM billing_records WHERE run_id = ANY($1::text[]) GROUP BY run_id, line, usage_month`,
    [runIds],
  );
  return new Map(
    [...Map.groupBy(rows, ({ run_id }) => run_id)].map(([runId, ofRun]) => [runId, postedOf(ofRun)]),
  );
}

function postedOf(rows: readonly ShareRow[]): PostedShares {
  return {
    shares: rows.map((row) => ({
      line: row.line,
      usageMonth: row.usage_month.slice(0, 7),
      minutes: row.minutes,
      amount: parsePoints(row.amount),
    })),
    lastAt: new Date(Math.max(...rows.map((row) => row.last_at.getTime()))),
    count: new Set(rows.flatMap((row) => row.transactions ?? [])).size,
  };
}
