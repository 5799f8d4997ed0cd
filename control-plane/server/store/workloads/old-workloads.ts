/**
 * What becomes of workloads of the old system: nobody knows their containers, so whatever says that it runs is ended,
 * its ports are released, and nothing is charged. What waited goes on waiting: a training job with a command stays what
 * it was, until its people confirm or cancel it (training/old-jobs.ts). A workload is an old one when it has no instance
 * and no event: ours get an event with their order and an instance with their first placement, in the same transaction.
 * So each is settled once; a change of its name is no event of its status. How odd values are read and put right is old-values.ts.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection, Transaction } from "../database/database.ts";
import { isOfEnvironment } from "../environments/environment-instances.ts";
import { STATUS_EVENT } from "../events/events.ts";
import {
  knownStatus,
  SOUND_ENVIRONMENT,
  SOUND_HOST,
  SOUND_LEASE,
  SOUND_SIZES,
} from "../database/values/old-values.ts";

const FROM_THE_OLD_SYSTEM = "from the old system";
/** Who did it, in events. */
const ACTOR = "system";

export interface Settling {
  now: Date;
  /** At most so many rows; more are left for the next time. */
  limit: number;
}

/** Statuses that say something has ended or, for an environment, that a place is wanted: nothing is to be settled. */
const SETTLED: Record<WorkloadKind, readonly string[]> = {
  environment: ["queued", "stopped", "error"],
  training: ["completed", "failed", "cancelled"],
  inference: ["stopped", "error"],
};

/** One that was being deleted is gone: no host will ever confirm it. The container's id stays, for whoever looks for it. */
export async function settleEnvironments(sql: Transaction, settling: Settling): Promise<number> {
  return await settle(sql, settling, {
    kind: "environment",
    table: "environments",
    set: `${SOUND_ENVIRONMENT}, ssh_port = NULL, rdp_port = NULL, jupyter_port = NULL, status_deadline_at = NULL,
          status = CASE WHEN w.status = 'deleting' THEN 'deleting' ELSE 'stopped' END,
          stopped_at = coalesce(w.stopped_at, $1), deleted_at = CASE WHEN w.status = 'deleting' THEN $1::timestamptz END`,
    hostId: "w.host_id",
  });
}

/** One that waits and can be run stays what it was. The upgrade starts nothing by itself, so it is not confirmed. */
const GOES_ON_WAITING = "w.status IN ('pending', 'queued') AND w.command <> ''";

export async function settleTrainingJobs(sql: Transaction, settling: Settling): Promise<number> {
  return await settle(sql, settling, {
    kind: "training",
    table: "training_jobs",
    set: `${SOUND_SIZES}, status_deadline_at = NULL,
          confirmed_at = CASE WHEN ${GOES_ON_WAITING} THEN NULL ELSE w.confirmed_at END,
          status = CASE WHEN ${GOES_ON_WAITING} THEN w.status ELSE 'failed' END,
          completed_at = CASE WHEN ${GOES_ON_WAITING} THEN w.completed_at ELSE coalesce(w.completed_at, $1) END`,
    hostId: "NULL",
  });
}

/** `replicas` is what is wanted: of a stopped service, none. */
export async function settleInferenceServices(sql: Transaction, settling: Settling): Promise<number> {
  return await settle(sql, settling, {
    kind: "inference",
    table: "inference_services",
    set: `${SOUND_SIZES}, status = 'stopped', replicas = 0, status_deadline_at = NULL`,
    hostId: "NULL",
  });
}

/** Rows that somebody holds are passed over, and looked at again the next time. */
async function settle(
  sql: Transaction,
  { now, limit }: Settling,
  { kind, table, set, hostId }: { kind: WorkloadKind; table: string; set: string; hostId: string },
): Promise<number> {
  const words = await unsettledWords(sql, kind, table);
  const { rowCount } = await sql.change(
    `WITH found AS (
       SELECT w.id AS found_id, w.status AS old FROM ${table} w
        WHERE (w.status = ANY($2::text[]) OR w.status IS NULL) AND w.deleted_at IS NULL
          AND NOT EXISTS (SELECT FROM instances i WHERE i.workload_kind = '${kind}' AND i.workload_id = w.id)
          AND NOT EXISTS (SELECT FROM events v WHERE v.workload_kind = '${kind}' AND v.workload_id = w.id
                            AND v.kind = '${STATUS_EVENT}')
        ORDER BY w.id LIMIT $3 FOR NO KEY UPDATE OF w SKIP LOCKED),
     settled AS (
       UPDATE ${table} w SET status_reason = '${FROM_THE_OLD_SYSTEM}', ${set}
         FROM found WHERE w.id = found.found_id
       RETURNING w.id, ${hostId} AS host_id, w.customer_id, found.old, w.status AS new, w.status_reason)
     INSERT INTO events (at, workload_kind, workload_id, host_id, customer_id, actor, kind, old, new, reason)
     SELECT $1, '${kind}', id, host_id, customer_id, '${ACTOR}', '${STATUS_EVENT}', old, new, status_reason
       FROM settled ORDER BY id`,
    [now, words, limit],
  );
  return rowCount;
}

/**
 * Every word that the table's rows have for a status and that is none of the settled ones. Steps from word to word
 * through the index: a full look at a table of millions every two seconds would cost more than all else.
 */
async function unsettledWords(sql: Connection, kind: WorkloadKind, table: string): Promise<string[]> {
  const { rows } = await sql.query<{ status: string }>(
    `WITH RECURSIVE word (status) AS (
       SELECT min(w.status) FROM ${table} w
       UNION ALL
       SELECT (SELECT min(w.status) FROM ${table} w WHERE w.status > word.status) FROM word WHERE word.status IS NOT NULL)
     SELECT status FROM word WHERE status IS NOT NULL AND status <> ALL($1::text[])`,
    [SETTLED[kind]],
  );
  return rows.map(({ status }) => status);
}

/** A host whose agent never was heard here is not online, whatever the old system last knew of it. */
export async function settleHosts(sql: Transaction, { limit }: Settling): Promise<number> {
  const { rowCount } = await sql.change(
    `UPDATE hosts SET ${SOUND_HOST}, status_reason = '${FROM_THE_OLD_SYSTEM}',
            status = CASE WHEN cordoned THEN 'maintenance' ELSE 'offline' END
      WHERE id IN (SELECT id FROM hosts
                    WHERE connection = 'never' AND deleted_at IS NULL
                      AND (status IS NULL OR status NOT IN ('offline', 'maintenance'))
                    ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)`,
    [limit],
  );
  return rowCount;
}

/**
 * Ends the leases that the old system left, whether or not their environment is there. A lease of ours carries the id
 * by which its host knows it.
 */
export async function releaseOldLeases(sql: Transaction, { now, limit }: Settling): Promise<number> {
  const { rows } = await sql.change<{ env_id: string }>(
    `UPDATE port_mappings SET status = 'released', released_at = $1
      WHERE id IN (SELECT p.id FROM port_mappings p
                    WHERE (p.status = 'active' OR p.status IS NULL) AND p.lease_id IS NULL AND ${SOUND_LEASE}
                    ORDER BY p.id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
      RETURNING env_id`,
    [now, limit],
  );
  // They mirror the live lease. One that runs here by now mirrors ours.
  await sql.change(
    `UPDATE environments e SET ${SOUND_ENVIRONMENT}, status = ${knownStatus("environment", "e")},
            ssh_port = NULL, rdp_port = NULL, jupyter_port = NULL
      WHERE e.id = ANY($1::text[]) AND num_nonnulls(e.ssh_port, e.rdp_port, e.jupyter_port) > 0
        AND NOT EXISTS (SELECT FROM instances i WHERE ${isOfEnvironment("i", "e.id")})`,
    [rows.map(({ env_id }) => env_id)],
  );
  return rows.length;
}
