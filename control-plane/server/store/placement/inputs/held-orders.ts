/** What waits although a host still holds its last placement: it can have no other before that host has confirmed. */
import { type StartName, startKey } from "../../../core/workloads/start.ts";
import type { Connection } from "../../database/database.ts";
import { WAITING_STARTS } from "../../workloads/kinds.ts";

/** The names of the hosts, by the key of the start. What runs beside it, of another start, holds nothing back. */
export async function holdersOfWaiting(sql: Connection): Promise<Map<string, readonly string[]>> {
  const { rows } = await sql.query<Omit<StartName, "firstRank"> & { first_rank: number; hosts: string[] }>(
    `WITH known AS MATERIALIZED (
       SELECT q.kind, q.id, q.first_rank, i.id AS instance_id
         FROM (${WAITING_STARTS}) q
         JOIN instances i ON i.workload_kind = q.kind AND i.workload_id = q.id
          AND i.rank >= q.first_rank AND i.rank < q.first_rank + q.instances)
     SELECT k.kind, k.id, k.first_rank, array_agg(DISTINCT h.name::text) AS hosts
       FROM known k JOIN placements p ON p.instance_id = k.instance_id AND p.resources_released_at IS NULL
       JOIN hosts h ON h.id = p.host_id GROUP BY k.kind, k.id, k.first_rank`,
    [],
  );
  return new Map(
    rows.map(({ hosts, first_rank: firstRank, ...name }) => [startKey({ ...name, firstRank }), hosts]),
  );
}
