/** Runs that whoever looks after the books should know of: time that is not charged yet, cannot be, or will not be. */
import { totalMs, without } from "../../../core/billing/proven-time.ts";
import { billedMinutes } from "../../../core/billing/rating.ts";
import { provenTimes } from "../runs/run-time.ts";
import { waivedTimes } from "../runs/run-waivers.ts";
import type { Connection } from "../../database/database.ts";

interface TextPage {
  readonly limit: number;
  readonly after: string | null;
}

interface RunRow {
  run_id: string;
  customer_id: number;
  workspace_id: number | null;
  resource_type: string;
  resource_id: string;
  resource_name: string | null;
  host_id: string;
  proven_ms: number;
}

const RUN = `r.id AS run_id, r.customer_id, r.workspace_id, r.resource_type, r.resource_id, r.resource_name, r.host_id,
            r.proven_ms`;

export interface PendingRun extends RunRow {
  first_proven_at: Date | null;
  last_proven_at: Date | null;
  waived_ms: number;
  billed_minutes: number;
  /** Below zero where a credit is due. */
  pending_minutes: number;
  /** It waits for a price, not for the next full hour. */
  unrated: boolean;
}

const LACKS_A_PRICE = "EXISTS (SELECT FROM run_lines l WHERE l.run_id = r.id AND l.unit_price IS NULL)";

/** Proven time that no charge has counted, by run; one more than the limit. */
export async function pendingRuns(sql: Connection, page: TextPage): Promise<PendingRun[]> {
  const { rows } = await sql.query<
    Omit<PendingRun, "waived_ms" | "pending_minutes"> & { waive_from: Date | null }
  >(
    `SELECT ${RUN}, r.first_proven_at, r.last_proven_at, r.billed_minutes, r.waive_from, ${LACKS_A_PRICE} AS unrated
       FROM runs r WHERE r.uncharged AND ($1::text IS NULL OR r.id > $1) ORDER BY r.id LIMIT $2`,
    [page.after, page.limit + 1],
  );
  const proven = await provenTimes(
    sql,
    rows.map((row) => row.run_id),
  );
  const waived = await waivedTimes(
    sql,
    rows.map((row) => ({ id: row.run_id, waiveFrom: row.waive_from })),
  );
  return rows.map(({ waive_from: _waiveFrom, ...row }) => {
    const time = proven.get(row.run_id) ?? [];
    const payableMs = totalMs(without(time, waived.get(row.run_id) ?? []));
    return {
      ...row,
      waived_ms: totalMs(time) - payableMs,
      pending_minutes: billedMinutes(payableMs) - row.billed_minutes,
    };
  });
}

export interface UnratedRun extends RunRow {
  spec: string;
  gpu_model: string | null;
  first_proven_at: Date | null;
  /** Lines for which the catalogue had no price when the run began. */
  missing: string[];
}

/** Runs that have time and no price; one more than the limit. */
export async function unratedRuns(sql: Connection, page: TextPage): Promise<UnratedRun[]> {
  const { rows } = await sql.query<UnratedRun>(
    `SELECT ${RUN}, r.spec, r.gpu_model, r.first_proven_at,
            ARRAY(SELECT l.line FROM run_lines l WHERE l.run_id = r.id AND l.unit_price IS NULL ORDER BY 1)::text[] AS missing
       FROM runs r
      WHERE r.uncharged AND r.proven_ms > 0 AND ${LACKS_A_PRICE} AND ($1::text IS NULL OR r.id > $1)
      ORDER BY r.id LIMIT $2`,
    [page.after, page.limit + 1],
  );
  return rows;
}

interface WaivedStretch {
  reason: string;
  /** Times as RFC 3339 in UTC. */
  from_at: string;
  to_at: string | null;
  evidence: Record<string, unknown>;
}

export interface WaivedRun extends RunRow {
  /** As of the run's last charge. */
  waived_ms: number;
  /** From then on nothing is charged, and why. */
  waive_from: Date | null;
  waive_reason: string | null;
  stretches: WaivedStretch[];
}

/** Runs with time that is metered and not charged; one more than the limit. */
export async function waivedRuns(sql: Connection, page: TextPage): Promise<WaivedRun[]> {
  const { rows } = await sql.query<WaivedRun>(
    `SELECT ${RUN}, r.waived_ms, r.waive_from, r.waive_reason,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('reason', w.reason, 'from_at', ${utcText("w.from_at")},
                      'to_at', ${utcText("w.to_at")}, 'evidence', w.evidence) ORDER BY w.from_at), '[]')
               FROM run_waivers w WHERE w.run_id = r.id) AS stretches
       FROM runs r WHERE r.waived_ms > 0 AND ($1::text IS NULL OR r.id > $1) ORDER BY r.id LIMIT $2`,
    [page.after, page.limit + 1],
  );
  return rows;
}

function utcText(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
