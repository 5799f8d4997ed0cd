/** How a restored database and its hosts differ, as far as the hosts have reported. Reads alone. */
import type { HostProgress } from "../../core/backup/restore-readiness.ts";
import { restoreHold, type RestoreHold } from "../database/restore-hold.ts";
import type { Connection } from "../database/database.ts";
import { END_NOT_KNOWN_TEXT } from "../reports/lost-history.ts";

export interface RestoreStatus extends RestoreHold {
  dbIncarnation: number;
  hosts: (HostProgress & { head: number | null; ingested: number })[];
  /** They run, and the database does not know them: they are left alone. */
  unknownInstances: { hostId: string; instanceId: string; epoch: number }[];
  /** They ran by the backup, and their hosts no longer have them. */
  endedInstances: { hostId: string; instanceId: string; epoch: number; runId: string }[];
  /** Runs that began after the backup in a placement that it knew. */
  adoptedRuns: { instanceId: string; runId: string; insteadOf: string }[];
  /** Usage that no run of the database explains, or that hosts no longer have. */
  setAside: { hostId: string; reason: string; rows: number }[];
  /** Of hosts that have not reported: what becomes of them is not known yet. */
  openPlacements: number;
}

/** Null where nothing is held. */
export async function restoreStatus(sql: Connection): Promise<RestoreStatus | null> {
  const hold = await restoreHold(sql);
  if (hold === null) return null;
  const [state] = await rowsOf<{ dbIncarnation: number; openPlacements: number }>(sql, STATE, []);
  return {
    ...hold,
    dbIncarnation: state?.dbIncarnation ?? 1,
    openPlacements: state?.openPlacements ?? 0,
    hosts: await rowsOf(sql, HOSTS, [hold.since]),
    unknownInstances: await rowsOf(sql, UNKNOWN, []),
    endedInstances: await rowsOf(sql, ENDED, [hold.since, END_NOT_KNOWN_TEXT]),
    adoptedRuns: await rowsOf(sql, ADOPTED, [hold.since]),
    setAside: await rowsOf(sql, SET_ASIDE, [hold.since]),
  };
}

async function rowsOf<Row extends object>(
  sql: Connection,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  return (await sql.query<Row>(text, values)).rows;
}

const STATE = `
  SELECT db_incarnation::float8 AS "dbIncarnation",
         (SELECT count(*)::int FROM placements p JOIN hosts h ON h.id = p.host_id
           WHERE p.gone_at IS NULL AND h.restore_detected_at IS NOT NULL) AS "openPlacements"
    FROM cluster_state`;

/** Of its newest journal; the head that a heartbeat of before the backup showed says nothing. */
const HOSTS = `
  SELECT h.id AS "hostId", h.last_heartbeat >= $1 AS "isHeard", h.restore_detected_at IS NULL AS "hasReported",
         CASE WHEN h.last_heartbeat >= $1 THEN j.head_seq::float8 END AS head, coalesce(j.watermark, 0)::float8 AS ingested,
         CASE WHEN h.last_heartbeat >= $1 THEN greatest(coalesce(j.head_seq, 0) - coalesce(j.watermark, 0), 0)::float8
          END AS "pendingRows"
    FROM hosts h
    LEFT JOIN LATERAL (SELECT head_seq, watermark FROM host_journals WHERE host_id = h.id
                        ORDER BY first_seen_at DESC, journal_id LIMIT 1) j ON true
   WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.connection <> 'never' ORDER BY h.id`;

const UNKNOWN = `
  SELECT split_part(subject, ' ', 1) AS "hostId", split_part(subject, ' ', 2) AS "instanceId",
         split_part(subject, ' ', 3)::int AS epoch
    FROM alarms WHERE kind = 'unknown-instance' AND cleared_at IS NULL ORDER BY subject`;

const ENDED = `
  SELECT host_id AS "hostId", instance_id AS "instanceId", epoch, run_id AS "runId" FROM placements
   WHERE state_changed_at >= $1 AND detail = $2 ORDER BY host_id, instance_id, epoch`;

const ADOPTED = `
  SELECT instance_id AS "instanceId", new AS "runId", old AS "insteadOf" FROM events
   WHERE kind = 'run-adopted' AND at >= $1 ORDER BY id`;

const SET_ASIDE = `
  SELECT host_id AS "hostId", reason, count(*)::int AS rows FROM quarantine
   WHERE at >= $1 GROUP BY 1, 2 ORDER BY 1, 2`;
