/** What is kept of each host's canary: the last report, and what the last one found that was tried to its end. */
import { reportedReason } from "../../core/reasons/host-report.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";
import type { CanaryOutcome, CanaryReport } from "@remotegpu/shared/messages/canary-report";
import type { Connection } from "../database/database.ts";

export interface CanaryRow {
  outcome: CanaryOutcome;
  detail: string | null;
  detail_code: string | null;
  detail_params: Record<string, unknown> | null;
  /** RFC 3339, as Postgres writes it in JSON. */
  heard_at: string;
  tried_at: string | null;
  succeeded: CanaryReport["succeeded"];
  unclear: string[];
  failures: number;
}

/** The canary of the host `h`; null while its agent has reported none. */
export const CANARY = `(SELECT jsonb_build_object('outcome', y.outcome, 'detail', y.detail, 'detail_code', y.detail_code,
    'detail_params', y.detail_params, 'heard_at', y.heard_at,
    'tried_at', y.tried_at, 'succeeded', y.succeeded, 'unclear', y.unclear, 'failures', y.failures)
  FROM host_canaries y WHERE y.host_id = h.id)`;

/**
 * Keeps what the last canary that was tried to its end has found, whatever came of later ones.
 * @returns false where this report was heard before
 */
export async function putCanary(
  sql: Connection,
  { hostId, canary, now }: { hostId: string; canary: CanaryReport; now: Date },
): Promise<boolean> {
  const isTried = canary.outcome === "refused" || canary.outcome === "succeeded";
  const why = reasonColumns(canary.detail === null ? null : reportedReason(canary.detail, canary.why));
  const { rowCount } = await sql.change(
    `INSERT INTO host_canaries AS y (host_id, reported_ms, outcome, detail, detail_code, detail_params, heard_at, tried_at, succeeded, unclear, failures)
     VALUES ($1, $2, $3::varchar, $4, $9, $10, $5::timestamptz, CASE WHEN $6::boolean THEN $5::timestamptz END, $7, $8, CASE WHEN $3::varchar = 'failed' THEN 1 ELSE 0 END)
     ON CONFLICT (host_id) DO UPDATE SET reported_ms = EXCLUDED.reported_ms, outcome = EXCLUDED.outcome,
            detail = EXCLUDED.detail, detail_code = EXCLUDED.detail_code, detail_params = EXCLUDED.detail_params, heard_at = EXCLUDED.heard_at, tried_at = coalesce(EXCLUDED.tried_at, y.tried_at),
            succeeded = CASE WHEN $6::boolean THEN EXCLUDED.succeeded ELSE y.succeeded END,
            unclear = CASE WHEN $6::boolean THEN EXCLUDED.unclear ELSE y.unclear END,
            failures = CASE WHEN EXCLUDED.outcome = 'failed' THEN least(y.failures, 1000000) + 1 ELSE 0 END
      WHERE (y.reported_ms, y.outcome) IS DISTINCT FROM (EXCLUDED.reported_ms, EXCLUDED.outcome)`,
    [
      hostId,
      canary.atMs,
      canary.outcome,
      canary.detail,
      now,
      isTried,
      JSON.stringify(canary.succeeded),
      canary.unclear,
      why.code,
      why.params,
    ],
  );
  return rowCount === 1;
}
