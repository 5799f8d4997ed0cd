/**
 * The time of runs that is metered and not charged, and the free stretches among it. Whether a stretch is free is decided
 * by the caller; what it changes of a bill by charging.ts.
 */
import { BEFORE_RULES, STOP_RULES } from "../../../core/billing/stop-waiver.ts";
import { type BrokenReason, waivedTime, type WaiverReason } from "../../../core/billing/waived-time.ts";
import type { ProvenTime } from "../../../core/billing/proven-time.ts";
import type { Connection, Transaction } from "../../database/database.ts";

export interface BrokenStretch {
  readonly runId: string;
  readonly reason: BrokenReason;
  readonly from: Date;
  /** Null while it lasts. */
  readonly to: Date | null;
  /** What shows it: events and samples with their moments. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface FreeLoading extends Omit<BrokenStretch, "reason" | "to"> {
  readonly to: Date;
  /** The payer whose allowance it is taken from. */
  readonly allowanceOf: number;
}

/**
 * Waives a stretch, or sets the end of one that lasted on; one that has its end stays as it is. Hold the run.
 * @returns whether anything changed; then the run waits for a charge, or a credit
 */
export async function waiveBroken(sql: Transaction, stretch: BrokenStretch, now: Date): Promise<boolean> {
  return await waiveStretch(sql, { ...stretch, allowanceOf: null }, now);
}

/** Hold the run. The database refuses a second stretch of the same payer that begins at the same moment. */
export async function waiveLoading(sql: Transaction, stretch: FreeLoading, now: Date): Promise<void> {
  await waiveStretch(sql, { ...stretch, reason: "loading" }, now);
}

async function waiveStretch(
  sql: Transaction,
  stretch: Omit<BrokenStretch, "reason"> & { reason: WaiverReason; allowanceOf: number | null },
  now: Date,
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `INSERT INTO run_waivers AS w (run_id, reason, from_at, to_at, evidence, created_at, allowance_of)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (run_id, reason, from_at) DO UPDATE SET to_at = EXCLUDED.to_at, evidence = w.evidence || EXCLUDED.evidence
      WHERE w.to_at IS NULL AND EXCLUDED.to_at IS NOT NULL`,
    [
      stretch.runId,
      stretch.reason,
      stretch.from,
      stretch.to,
      JSON.stringify(stretch.evidence),
      now,
      stretch.allowanceOf,
    ],
  );
  if (rowCount === 0) return false;
  await sql.change(
    "UPDATE runs SET uncharged = true WHERE id = $1 AND first_proven_at IS NOT NULL AND last_proven_at > $2",
    [stretch.runId, stretch.from],
  );
  return true;
}

/** SQL for the name of the rule by which a stop makes time free, of the reason that is written with it. */
export function ruleOfStop(reason: string): string {
  const name = `split_part(${reason}, ':', 1)`;
  const known = STOP_RULES.map((rule) => `'${rule}'`).join(", ");
  return `CASE WHEN ${name} IN (${known}) THEN ${name} ELSE '${BEFORE_RULES}' END`;
}

/** When each of these runs is not charged; missing where it always is. */
export async function waivedTimes(
  sql: Connection,
  runs: readonly { readonly id: string; readonly waiveFrom: Date | null }[],
): Promise<Map<string, ProvenTime>> {
  const { rows } = await sql.query<{ run_id: string; from_at: Date; to_at: Date | null }>(
    // A join, since = ANY of many may be tried one by one on each row of the table.
    "SELECT run_id, from_at, to_at FROM unnest($1::text[]) r (id) JOIN run_waivers w ON w.run_id = r.id",
    [runs.map((run) => run.id)],
  );
  const broken = Map.groupBy(rows, (row) => row.run_id);
  return new Map(
    runs.flatMap(({ id, waiveFrom }) => {
      const stretches = (broken.get(id) ?? []).map((row) => ({
        fromMs: row.from_at.getTime(),
        toMs: row.to_at?.getTime() ?? Infinity,
      }));
      const waived = waivedTime(waiveFrom?.getTime() ?? null, stretches);
      return waived.length === 0 ? [] : [[id, waived] as const];
    }),
  );
}

/** The reason of a credit where no time is waived: an earlier beginning was proven, at which another price held. */
export const EARLIER_PRICE = "the price at an earlier first moment";

/** Why time of each run is not charged, in words: the stop's reason and the broken stretches, for a credit's entry. */
export async function waiverReasons(
  sql: Connection,
  runIds: readonly string[],
): Promise<Map<string, string>> {
  if (runIds.length === 0) return new Map();
  const { rows } = await sql.query<{ run_id: string; reason: string }>(
    `SELECT run_id, reason FROM (
       SELECT id AS run_id, waive_reason AS reason, waive_from AS at FROM runs
        WHERE id = ANY($1::text[]) AND waive_from IS NOT NULL
       UNION ALL
       SELECT run_id, reason || ' since ' || to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
              || coalesce(' until ' || to_char(to_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '')
              || coalesce(': ' || (evidence ->> 'sentence'), ''), from_at
         FROM run_waivers WHERE run_id = ANY($1::text[]) AND reason <> 'loading'
       UNION ALL
       SELECT run_id, 'loading since ' || to_char(min(from_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || ': '
              || (array_agg(evidence ->> 'sentence' ORDER BY from_at))[1], min(from_at)
         FROM run_waivers WHERE run_id = ANY($1::text[]) AND reason = 'loading' GROUP BY run_id) why
      ORDER BY run_id, at`,
    [runIds],
  );
  const ofRuns = Map.groupBy(rows, ({ run_id }) => run_id);
  return new Map([...ofRuns].map(([runId, why]) => [runId, why.map(({ reason }) => reason).join("; ")]));
}
