/** Where an instance of a workload runs now, for those who go inside. */
import type { HostConnection, WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../../database/database.ts";

export interface ExecTarget {
  host_id: string;
  instance_id: string;
  host_name: string;
  host_connection: HostConnection;
  last_heartbeat: Date | null;
}

/** Where a short command for that instance goes, or for the first that is up; null unless its container is up. */
export async function execTarget(
  sql: Connection,
  { kind, workloadId, rank }: { kind: WorkloadKind; workloadId: string; rank: number | null },
): Promise<ExecTarget | null> {
  const { rows } = await sql.query<ExecTarget>(
    `SELECT p.host_id, p.instance_id, h.name AS host_name, h.connection AS host_connection, h.last_heartbeat
       FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
       JOIN hosts h ON h.id = p.host_id
      WHERE i.workload_kind = $1 AND i.workload_id = $2 AND ($3::int IS NULL OR i.rank = $3) AND p.state = 'ready' AND p.want = 'running'
      ORDER BY i.rank LIMIT 1`,
    [kind, workloadId, rank],
  );
  return rows[0] ?? null;
}
