/** Environments whose status has lasted too long, and rows of the old system that nobody can speak for. */
import type { EnvironmentStatus } from "@remotegpu/shared/workload";
import type { Connection } from "../database.ts";

export interface OverdueEnvironment {
  id: string;
  status: EnvironmentStatus;
  host_name: string | null;
}

/** Those past their deadline, the most overdue first. */
export async function overdueEnvironments(
  sql: Connection,
  { now, limit }: { now: Date; limit: number },
): Promise<OverdueEnvironment[]> {
  const { rows } = await sql.query<OverdueEnvironment>(
    `SELECT e.id, e.status, h.name AS host_name FROM environments e LEFT JOIN hosts h ON h.id = e.host_id
      WHERE e.status_deadline_at <= $1 AND e.deleted_at IS NULL ORDER BY e.status_deadline_at, e.id LIMIT $2`,
    [now, limit],
  );
  return rows;
}

const FROM_THE_OLD_SYSTEM = "from the old system";

/**
 * Rows that say they run but have no instance come from the old system, whose containers nobody knows. They are
 * stopped (jobs: failed), their ports released, and nothing is charged. Answers how many there were.
 */
export async function closeOldWorkloads(sql: Connection, now: Date): Promise<number> {
  const environments = await sql.query<{ id: string }>(
    `UPDATE environments e SET status = 'stopped', status_reason = $1, status_deadline_at = NULL, stopped_at = $2
      WHERE e.status IN ('creating', 'running', 'stopping', 'restarting') AND e.deleted_at IS NULL
        AND NOT EXISTS (SELECT FROM instances i WHERE i.workload_kind = 'environment' AND i.workload_id = e.id)
      RETURNING id`,
    [FROM_THE_OLD_SYSTEM, now],
  );
  await sql.query(
    `UPDATE port_mappings SET status = 'released', released_at = $2
      WHERE env_id = ANY($1::text[]) AND status IS DISTINCT FROM 'released'`,
    [environments.rows.map(({ id }) => id), now],
  );
  const jobs = await sql.query(
    `UPDATE training_jobs j SET status = 'failed', status_reason = $1, completed_at = $2
      WHERE j.status IN ('running', 'stopping') AND j.deleted_at IS NULL
        AND NOT EXISTS (SELECT FROM instances i WHERE i.workload_kind = 'training' AND i.workload_id = j.id)`,
    [FROM_THE_OLD_SYSTEM, now],
  );
  const services = await sql.query(
    `UPDATE inference_services s SET status = 'stopped', status_reason = $1, replicas = 0
      WHERE s.status IN ('creating', 'running', 'stopping') AND s.deleted_at IS NULL
        AND s.created_at < (SELECT min(applied_at) FROM schema_migrations)
        AND NOT EXISTS (SELECT FROM instances i WHERE i.workload_kind = 'inference' AND i.workload_id = s.id)`,
    [FROM_THE_OLD_SYSTEM],
  );
  return environments.rowCount + jobs.rowCount + services.rowCount;
}
