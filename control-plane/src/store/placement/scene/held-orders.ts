/** What waits although a host still holds its last placement: it can have no other before that host has confirmed. */
import type { WorkloadKind } from "@remotegpu/shared/workload";
import type { Connection } from "../../database/database.ts";
import { waitsForPlace } from "../../database/old-values.ts";
import { nameKey } from "../../../core/workloads/workload-name.ts";

/** The names of the hosts, by the key of the workload's name. */
export async function holdersOfWaiting(sql: Connection): Promise<Map<string, readonly string[]>> {
  const { rows } = await sql.query<{ kind: WorkloadKind; id: string; hosts: string[] }>(
    `WITH known AS MATERIALIZED (
       SELECT q.kind, q.id, i.id AS instance_id
         FROM (SELECT 'environment' AS kind, id FROM environments WHERE status = 'queued'
               UNION ALL SELECT 'training', id FROM training_jobs j WHERE ${waitsForPlace("training", "j")}) q
         JOIN instances i ON i.workload_kind = q.kind AND i.workload_id = q.id)
     SELECT k.kind, k.id, array_agg(DISTINCT h.name::text) AS hosts
       FROM known k JOIN placements p ON p.instance_id = k.instance_id AND p.resources_released_at IS NULL
       JOIN hosts h ON h.id = p.host_id GROUP BY k.kind, k.id`,
  );
  return new Map(rows.map(({ hosts, ...name }) => [nameKey(name), hosts]));
}
