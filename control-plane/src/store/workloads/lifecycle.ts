/** Environments whose status has lasted too long. */
import type { EnvironmentStatus } from "@remotegpu/shared/workload";
import type { Connection } from "../database/database.ts";

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
