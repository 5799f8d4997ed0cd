/** Whose output is meant when somebody asks for a workload's logs: one run, and where it was. */
import { type StoredReason, storedReasonColumn } from "../../database/values/reason-columns.ts";
import type { HostConnection, WorkloadKind } from "@remotegpu/shared/values/workload";
import { REPORTS_SERVICES } from "../../hosts/host-features.ts";
import type { Connection } from "../../database/database.ts";

export interface LogTarget {
  run_id: string;
  instance_id: string;
  epoch: number;
  host_id: string;
  host_name: string;
  host_connection: HostConnection;
  /** Taken out of the fleet, or revoked: it will not be heard again. */
  is_host_gone: boolean;
  last_heartbeat: Date | null;
  /** Its host told how it ended. */
  has_ended: boolean;
  /** The last lines, once it has ended. */
  tail: string | null;
  /**
   * False where nothing of it can have been written: it waits to start, or ended before that. What ended by itself has
   * begun, also where that was too short for any of it to be proven.
   */
  has_begun: boolean;
  is_over: boolean;
  /** Its host's agent tells the output of services apart. */
  tells_services: boolean;
  /** What its host said of it last. */
  detail: StoredReason;
}

/** SQL: of all instances of workload `$2` of kind `$1` the first that is wanted; of a service of which none is, the newest. */
const FIRST_RANK = `(SELECT coalesce(min(f.rank) FILTER (WHERE f.dismissed_at IS NULL AND f.current_epoch > 0), max(f.rank))
    FROM instances f WHERE f.workload_kind = $1 AND f.workload_id = $2)`;

/** The named run of the workload, or the latest of that rank; null where there is none. */
export async function logTarget(
  sql: Connection,
  query: { kind: WorkloadKind; workloadId: string; rank: number | null; runId: string | null },
): Promise<LogTarget | null> {
  const { rows } = await sql.query<LogTarget>(
    `SELECT r.id AS run_id, r.instance_id, r.epoch, r.host_id, h.name AS host_name, h.connection AS host_connection,
            h.deleted_at IS NOT NULL OR h.revoked_at IS NOT NULL AS is_host_gone, h.last_heartbeat,
            e.run_id IS NOT NULL AS has_ended, e.tail,
            r.first_proven_at IS NOT NULL OR p.run_id IS NULL
              OR (p.container_id IS NOT NULL AND p.problem IS DISTINCT FROM 'start-refused')
              OR coalesce(p.problem IN ('exited', 'out-of-memory'), false) AS has_begun,
            coalesce(p.state IN ('stopped', 'failed', 'lost'), true) AS is_over, ${storedReasonColumn("p", "detail")} AS detail,
            ${REPORTS_SERVICES} AS tells_services
       FROM instances i JOIN runs r ON r.instance_id = i.id JOIN hosts h ON h.id = r.host_id
       LEFT JOIN run_ends e ON e.run_id = r.id
       LEFT JOIN placements p ON p.instance_id = r.instance_id AND p.epoch = r.epoch AND p.run_id = r.id
      WHERE i.workload_kind = $1 AND i.workload_id = $2
        AND CASE WHEN $4::text IS NULL THEN i.rank = coalesce($3, ${FIRST_RANK}) ELSE r.id = $4 END
      ORDER BY r.ordered_at DESC, r.id DESC LIMIT 1`,
    [query.kind, query.workloadId, query.rank, query.runId],
  );
  return rows[0] ?? null;
}
