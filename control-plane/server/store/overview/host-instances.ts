/** What holds something of a host: each instance with whose it is, its cards, and the ports that its workload has leased there. */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import type { InstanceState, WorkloadKind } from "@remotegpu/shared/values/workload";
import type { LeaseState } from "../../core/leases/lease-report.ts";
import type { Connection } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { ofAllKinds } from "../workloads/kinds.ts";

export interface InstanceOnHostRow {
  id: string;
  rank: number;
  state: InstanceState;
  want: string;
  detail: string | null;
  detail_code: string | null;
  detail_params: Record<string, unknown> | null;
  placed_at: Date;
  kind: WorkloadKind;
  workload_id: string;
  name: string;
  customer_id: number;
  owner_username: string | null;
  workspace_id: number | null;
  /** Null in memory_mib: all of the card. */
  gpus: { uuid: string; gpu_index: number; memory_mib: number | null }[];
  leases: {
    service_type: LeaseService;
    internal_port: number;
    external_port: number | null;
    state: LeaseState;
  }[];
}

const GPUS = `(SELECT coalesce(jsonb_agg(jsonb_build_object('uuid', g.uuid, 'gpu_index', g.gpu_index, 'memory_mib', a.memory_mib)
      ORDER BY g.gpu_index, a.slot), '[]')
    FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid
   WHERE a.instance_id = here.id AND a.epoch = here.epoch AND a.released_at IS NULL)`;

const LEASES = `(SELECT coalesce(jsonb_agg(jsonb_build_object('service_type', l.service_type, 'internal_port', l.internal_port,
      'external_port', l.external_port, 'state', l.state) ORDER BY l.internal_port, l.ordered_at, l.id), '[]')
    FROM lease_orders l
   WHERE l.host_id = $1 AND l.ended_at IS NULL AND named.has_leases AND l.env_id = named.workload_id)`;

/** By their ids; fetches one row more than the limit. */
export async function instancesOnHost(
  sql: Connection,
  hostId: string,
  { limit, after }: { limit: number; after: string | null },
): Promise<InstanceOnHostRow[]> {
  const { rows } = await sql.query<InstanceOnHostRow>(
    `WITH here AS (
       SELECT p.instance_id AS id, i.rank, i.workload_kind AS kind, i.workload_id, p.epoch, p.state, p.want, p.detail, p.detail_code, p.detail_params,
              p.created_at AS placed_at
         FROM placements p JOIN instances i ON i.id = p.instance_id
        WHERE p.host_id = $1 AND p.gone_at IS NULL AND p.resources_released_at IS NULL
          AND ($2::text IS NULL OR p.instance_id > $2)
        ORDER BY p.instance_id LIMIT $3)
     SELECT here.id, here.rank, here.state, here.want, here.detail, here.detail_code, here.detail_params, here.placed_at, named.kind,
            named.workload_id, named.name, named.customer_id, named.workspace_id, c.username AS owner_username, ${GPUS} AS gpus, ${LEASES} AS leases
       FROM here JOIN (${ofAllKinds(
         (
           kind,
           { table, hasLeases },
         ) => `SELECT '${kind}' AS kind, h.workload_id, w.name, ${hasLeases} AS has_leases,
              ${safeBigint("w.customer_id")} AS customer_id, ${safeBigint("w.workspace_id")} AS workspace_id
           FROM (SELECT DISTINCT workload_id FROM here WHERE kind = '${kind}') h JOIN ${table} w ON w.id = h.workload_id`,
       )}) named USING (kind, workload_id)
       LEFT JOIN customers c ON c.id = named.customer_id
      ORDER BY here.id`,
    [hostId, after, limit + 1],
  );
  return rows;
}
