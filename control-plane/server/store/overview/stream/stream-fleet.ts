/** Every host and card as it looks now, for streams: what makes it look different as one text, and the card's readings. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { CardReading, FleetSnapshot } from "../../../core/stream/snapshot.ts";
import { type Owner, workloadTopic } from "../../../core/stream/topics.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";

interface CardRow {
  uuid: string;
  host_id: string;
  utilization_percent: number | null;
  memory_used_mib: number | null;
  temperature_c: number | null;
  power_w: string | null;
  sampled_ms: number | null;
  state: string;
}

export async function fleetSnapshot(sql: Connection): Promise<FleetSnapshot> {
  const [hosts, cards, holders] = await Promise.all([hostsNow(sql), cardsNow(sql), holdersNow(sql)]);
  return {
    hosts,
    cards: new Map(cards.map((row) => [row.uuid, readingOf(row, holders.get(row.uuid) ?? NO_HANDLERS)])),
  };
}

const NO_HANDLERS: ReadonlyMap<string, Owner> = new Map();

function readingOf(row: CardRow, holders: ReadonlyMap<string, Owner>): CardReading {
  return {
    uuid: row.uuid,
    hostId: row.host_id,
    utilizationPercent: row.utilization_percent,
    memoryUsedMib: row.memory_used_mib,
    temperatureC: row.temperature_c,
    powerW: row.power_w,
    sampledMs: row.sampled_ms,
    state: row.state,
    holders,
  };
}

async function hostsNow(sql: Connection): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql.query<{ id: string; state: string }>(
    `SELECT id, concat_ws('|', name, status, connection, cordoned, cordon_reason, health_status, degraded, labels, tags,
              status_reason, agent_version, agent_upgrade, target_release, storage_pool, claimed_storage_pool, pool_state, pool_failure, gateway_port, revoked_at) AS state
       FROM hosts WHERE deleted_at IS NULL`,
  );
  return new Map(rows.map(({ id, state }) => [id, state]));
}

async function cardsNow(sql: Connection): Promise<CardRow[]> {
  const { rows } = await sql.query<CardRow>(
    `SELECT g.uuid, g.host_id, g.utilization_percent, g.memory_used_mib, g.temperature_c, g.power_w::text AS power_w,
            (extract(epoch FROM g.last_seen_at) * 1000)::bigint AS sampled_ms,
            concat_ws('|', g.gpu_index, g.name, g.memory_total, g.status, g.health_status, g.cordoned, g.sharing_mode,
              g.vanished_at) AS state
       FROM gpus g JOIN hosts h ON h.id = g.host_id WHERE h.deleted_at IS NULL AND g.uuid IS NOT NULL`,
  );
  return rows;
}

/** By the card: the workloads whose instances have it or a slice of it, and whose they are. */
async function holdersNow(sql: Connection): Promise<ReadonlyMap<string, ReadonlyMap<string, Owner>>> {
  const { rows } = await sql.query<{
    gpu_uuid: string;
    kind: WorkloadKind;
    id: string;
    customer_id: number | null;
    workspace_id: number | null;
  }>(
    `SELECT DISTINCT a.gpu_uuid, o.kind, o.id, o.customer_id, w.id AS workspace_id
       FROM gpu_allocations a JOIN instances i ON i.id = a.instance_id
       JOIN workloads o ON o.kind = i.workload_kind AND o.id = i.workload_id
       LEFT JOIN workspaces w ON w.id = o.workspace_id AND ${LIVE}
      WHERE a.released_at IS NULL`,
  );
  const holders = new Map<string, Map<string, Owner>>();
  for (const row of rows) {
    const ofCard = holders.get(row.gpu_uuid) ?? new Map<string, Owner>();
    ofCard.set(workloadTopic(row.kind, row.id), {
      customerId: row.customer_id,
      workspaceId: row.workspace_id,
    });
    holders.set(row.gpu_uuid, ofCard);
  }
  return holders;
}
