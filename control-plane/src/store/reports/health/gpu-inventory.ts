/**
 * The cards a host reports, against the ones the fleet knows. A card keeps its row for ever; one that is gone keeps
 * it as vanished. A real card that another live host holds is refused here and shown on both.
 */
import type { GpuReport } from "@remotegpu/shared/host-report";
import { MIB } from "@remotegpu/shared/units";
import { clearAlarm, raiseAlarm, raiseAlarmOnce } from "../../events/alarms.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { IS_BLIND, noteCardWords, noteVanishedCards } from "../../billing/broken-time/gpu-outages.ts";
import { appendEvent, GPU_EVENT } from "../../events/events.ts";
import { noteGone, noteGpuHealth } from "./gpu-health.ts";

interface KnownCard {
  uuid: string;
  host_id: string;
  vanished: boolean;
  /** Its host is heard, or something of it is held there. */
  is_live: boolean;
  conflict_host_id: string | null;
}

/** Rows of one host, those of cards that are gone included. A host that makes cards up comes to it, and no further. */
const MAX_CARDS_OF_HOST = 512;

/** Call in a transaction that holds the host's row. */
export async function mergeGpus(
  sql: Transaction,
  { hostId, gpus: told, now }: { hostId: string; gpus: readonly GpuReport[]; now: Date },
): Promise<void> {
  // Cards change places when a boot enumerates them anew; the index is judged when all of them stand.
  await sql.query("SET CONSTRAINTS gpus_host_id_gpu_index_key DEFERRED");
  const known = await knownCards(
    sql,
    told.map(({ uuid }) => uuid),
    hostId,
  );
  const gpus = await withinShare(sql, { hostId, gpus: told, known, now });
  const isElsewhere = ({ uuid }: GpuReport) => {
    const card = known.get(uuid);
    return card !== undefined && card.host_id !== hostId && card.is_live;
  };
  await markVanished(sql, { hostId, present: gpus.map(({ uuid }) => uuid), now });
  for (const gpu of gpus)
    if (known.get(gpu.uuid)?.vanished === true && !isElsewhere(gpu))
      await clearAlarm(sql, { kind: "gpu-vanished", subject: gpu.uuid, now });
  const isKnownHere = ({ uuid }: GpuReport) => known.get(uuid)?.host_id === hostId;
  await noteGpuHealth(sql, { hostId, cards: gpus.filter(isKnownHere), now });
  await noteCardWords(sql, { hostId, cards: gpus.filter(isKnownHere), source: "report", now });
  for (const gpu of gpus) {
    if (isElsewhere(gpu)) await refuseCard(sql, { hostId, gpu, card: known.get(gpu.uuid), now });
    else await putCard(sql, { hostId, gpu, now });
  }
  // These have a row of this host's only now.
  const newHere = gpus.filter((gpu) => !isKnownHere(gpu));
  await noteGpuHealth(sql, { hostId, cards: newHere, now });
  await noteCardWords(sql, { hostId, cards: newHere, source: "report", now });
  await sql.query(
    `UPDATE hosts SET total_gpu = (SELECT count(*) FROM gpus WHERE host_id = $1 AND vanished_at IS NULL),
            simulated = EXISTS (SELECT FROM gpus WHERE host_id = $1 AND vanished_at IS NULL AND simulated)
      WHERE id = $1`,
    [hostId],
  );
}

/** Cards that nobody knows yet are taken as far as there is room for them. */
async function withinShare(
  sql: Transaction,
  {
    hostId,
    gpus,
    known,
    now,
  }: {
    hostId: string;
    gpus: readonly GpuReport[];
    known: ReadonlyMap<string, KnownCard>;
    now: Date;
  },
): Promise<GpuReport[]> {
  const fresh = gpus.filter(({ uuid }) => !known.has(uuid));
  const { rows } = await sql.query<{ count: number }>(
    "SELECT count(*) AS count FROM gpus WHERE host_id = $1",
    [hostId],
  );
  const room = Math.max(0, MAX_CARDS_OF_HOST - (rows[0]?.count ?? 0));
  if (fresh.length <= room) return [...gpus];
  const detail = `Host ${hostId} has told of more than ${MAX_CARDS_OF_HOST} cards; further ones are not taken.`;
  await raiseAlarmOnce(sql, { kind: "too-many-cards", subject: hostId, detail, now });
  const left = new Set(fresh.slice(room));
  return gpus.filter((gpu) => !left.has(gpu));
}

async function knownCards(
  sql: Transaction,
  uuids: string[],
  hostId: string,
): Promise<Map<string, KnownCard>> {
  const { rows } = await sql.query<KnownCard>(
    `SELECT g.uuid, g.host_id, g.vanished_at IS NOT NULL AS vanished, g.conflict_host_id,
            h.deleted_at IS NULL AND (
              (g.vanished_at IS NULL AND h.connection IN ('connected', 'suspect'))
              OR EXISTS (SELECT FROM gpu_allocations a WHERE a.gpu_uuid = g.uuid AND a.released_at IS NULL)
            ) AS is_live
       FROM gpus g JOIN hosts h ON h.id = g.host_id
      WHERE g.uuid = ANY($1::text[]) ORDER BY g.uuid FOR NO KEY UPDATE OF g`,
    [uuids],
  );
  // What this host no longer claims is no conflict any more.
  await sql.query(
    "UPDATE gpus SET conflict_host_id = NULL WHERE conflict_host_id = $1 AND NOT uuid = ANY($2::text[])",
    [hostId, uuids],
  );
  return new Map(rows.map((row) => [row.uuid, row]));
}

async function refuseCard(
  sql: Transaction,
  { hostId, gpu, card, now }: { hostId: string; gpu: GpuReport; card: KnownCard | undefined; now: Date },
): Promise<void> {
  if (card === undefined || card.conflict_host_id === hostId) return;
  await sql.query("UPDATE gpus SET conflict_host_id = $2 WHERE uuid = $1", [gpu.uuid, hostId]);
  const detail = `GPU ${gpu.uuid} of host ${card.host_id} is claimed by host ${hostId} too`;
  await raiseAlarm(sql, { kind: "gpu-conflict", subject: gpu.uuid, detail, now });
  const actor = `host ${hostId}`;
  await appendEvent(sql, { at: now, kind: "gpu-conflict", hostId, gpuUuid: gpu.uuid, actor, reason: detail });
}

/** A vanished card gives its index away: the row's own number, negative, is nobody else's. */
async function markVanished(
  sql: Transaction,
  { hostId, present, now }: { hostId: string; present: string[]; now: Date },
): Promise<void> {
  const { rows } = await sql.query<{ uuid: string; old: string | null }>(
    `UPDATE gpus g SET vanished_at = $3, gpu_index = -g.id, nvlink_island = NULL, status = 'error'
       FROM (SELECT id, status AS old FROM gpus WHERE host_id = $1) before
      WHERE g.id = before.id AND g.vanished_at IS NULL AND NOT g.uuid = ANY($2::text[])
      RETURNING g.uuid, before.old`,
    [hostId, present, now],
  );
  for (const { uuid, old } of rows) {
    const detail = `GPU ${uuid} is gone: host ${hostId} no longer lists it`;
    const event = { at: now, hostId, gpuUuid: uuid, actor: `host ${hostId}` };
    await appendEvent(sql, { ...event, kind: "gpu-vanished", old, new: "error", reason: detail });
    await raiseAlarmOnce(sql, { kind: "gpu-vanished", subject: uuid, detail, now });
    await noteGone(sql, uuid);
  }
  await noteVanishedCards(sql, { hostId, uuids: rows.map(({ uuid }) => uuid), now });
}

const IS_HELD = "EXISTS (SELECT FROM gpu_allocations a WHERE a.gpu_uuid = g.uuid AND a.released_at IS NULL)";

const HOST_IS_BLIND = `(SELECT ${IS_BLIND} h.degraded FROM hosts h WHERE h.id = EXCLUDED.host_id)`;

async function putCard(
  sql: Connection,
  { hostId, gpu, now }: { hostId: string; gpu: GpuReport; now: Date },
): Promise<void> {
  const { rows } = await sql.query<{ status: string; old: string | null; was_gone: boolean | null }>(
    `WITH before AS (SELECT status, vanished_at FROM gpus WHERE uuid = $3)
     INSERT INTO gpus AS g (host_id, gpu_index, uuid, name, brand, architecture, memory_total, compute_capability,
            health_status, power_limit, temperature_limit, simulated, pci_bus_id, driver_version, memory_used_mib,
            utilization_percent, temperature_c, power_w, last_seen_at, nvlink_island)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
     ON CONFLICT (uuid) DO UPDATE SET host_id = EXCLUDED.host_id, gpu_index = EXCLUDED.gpu_index, name = EXCLUDED.name,
            brand = EXCLUDED.brand, architecture = EXCLUDED.architecture, memory_total = EXCLUDED.memory_total,
            compute_capability = EXCLUDED.compute_capability, health_status = EXCLUDED.health_status,
            power_limit = EXCLUDED.power_limit, temperature_limit = EXCLUDED.temperature_limit,
            simulated = EXCLUDED.simulated, pci_bus_id = EXCLUDED.pci_bus_id, driver_version = EXCLUDED.driver_version,
            memory_used_mib = EXCLUDED.memory_used_mib, utilization_percent = EXCLUDED.utilization_percent,
            temperature_c = EXCLUDED.temperature_c, power_w = EXCLUDED.power_w,
            last_seen_at = CASE WHEN ${HOST_IS_BLIND} THEN g.last_seen_at ELSE EXCLUDED.last_seen_at END,
            nvlink_island = EXCLUDED.nvlink_island, vanished_at = NULL,
            -- The old system's word for who holds it is nothing that we know of.
            allocated_to = CASE WHEN ${IS_HELD} THEN g.allocated_to END,
            allocated_at = CASE WHEN ${IS_HELD} THEN g.allocated_at END,
            conflict_host_id = CASE WHEN g.conflict_host_id = EXCLUDED.host_id THEN NULL ELSE g.conflict_host_id END,
            status = CASE WHEN g.cordoned THEN 'maintenance'
                          WHEN EXCLUDED.health_status = 'unhealthy' THEN 'error'
                          WHEN ${IS_HELD} THEN 'allocated' ELSE 'available' END
     RETURNING status, (SELECT b.status FROM before b) AS old, (SELECT b.vanished_at IS NOT NULL FROM before b) AS was_gone`,
    [
      hostId,
      gpu.index,
      gpu.uuid,
      gpu.name,
      gpu.brand,
      gpu.architecture,
      gpu.memoryTotalMib === null ? null : gpu.memoryTotalMib * MIB,
      gpu.computeCapability,
      gpu.health,
      gpu.powerLimitW === null ? null : Math.round(gpu.powerLimitW),
      gpu.temperatureLimitC,
      gpu.simulated,
      gpu.pciBusId,
      gpu.driverVersion,
      gpu.memoryUsedMib,
      gpu.utilizationPercent,
      gpu.temperatureC,
      gpu.powerW,
      now,
      gpu.island ?? null,
    ],
  );
  const row = rows[0];
  if (row === undefined || (row.old === row.status && row.was_gone !== true)) return;
  await appendEvent(sql, {
    at: now,
    kind: GPU_EVENT,
    hostId,
    gpuUuid: gpu.uuid,
    actor: `host ${hostId}`,
    old: row.was_gone === true ? "vanished" : row.old,
    new: row.status,
    reason: "Its host reports it.",
  });
}
