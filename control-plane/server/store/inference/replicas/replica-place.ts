/** Where one replica of a service listens, by its rank. */
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import type { Connection } from "../../database/database.ts";

/** Null of what is not there before it has a place. */
export interface ReplicaPlaceRow {
  instance_id: InstanceId;
  state: InstanceState;
  host_id: HostId | null;
  host_name: string | null;
  port: number | null;
  /** Its container is up, and nobody has told it to end. */
  is_up: boolean;
  /** Whatever is not there yet is refused by its host. */
  is_draining: boolean;
}

/** Null where the service never had a replica of this rank. */
export async function replicaPlace(
  sql: Connection,
  { serviceId, rank }: { serviceId: string; rank: number },
): Promise<ReplicaPlaceRow | null> {
  const { rows } = await sql.query<ReplicaPlaceRow>(
    `SELECT i.id AS instance_id, coalesce(p.state, i.state) AS state, p.host_id, h.name AS host_name,
            (p.live #> '{probe,port}')::int AS port,
            i.dismissed_at IS NULL AND coalesce(p.state = 'ready' AND p.want = 'running', false) AS is_up,
            i.dismissed_at IS NULL AND i.draining_since IS NOT NULL AS is_draining
       FROM instances i LEFT JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
       LEFT JOIN hosts h ON h.id = p.host_id
      WHERE i.workload_kind = 'inference' AND i.workload_id = $1 AND i.rank = $2`,
    [serviceId, rank],
  );
  return rows[0] ?? null;
}
