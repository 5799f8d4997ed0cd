/** What waits although a host still holds its last placement: it can have no other before that host has confirmed. */
import type { WorkloadKind } from "@remotegpu/shared/workload";
import type { Connection } from "../database.ts";
import { nameKey } from "./workload-name.ts";

/** The names of the hosts, by the key of the workload's name. */
export async function holdersOfWaiting(sql: Connection): Promise<Map<string, readonly string[]>> {
  const { rows } = await sql.query<{ kind: WorkloadKind; id: string; hosts: string[] }>(
    `SELECT i.workload_kind AS kind, i.workload_id AS id, array_agg(DISTINCT h.name::text) AS hosts
       FROM placements p JOIN instances i ON i.id = p.instance_id JOIN hosts h ON h.id = p.host_id
       LEFT JOIN environments e ON i.workload_kind = 'environment' AND e.id = i.workload_id
       LEFT JOIN training_jobs j ON i.workload_kind = 'training' AND j.id = i.workload_id
      WHERE p.resources_released_at IS NULL AND coalesce(e.status, j.status) = 'queued'
      GROUP BY i.workload_kind, i.workload_id`,
  );
  return new Map(rows.map(({ hosts, ...name }) => [nameKey(name), hosts]));
}
