/**
 * The cards a host reports, against the ones the fleet knows. A card keeps its row for ever; one that is gone keeps
 * it as vanished. A real card that another live host holds is refused here and shown on both.
 */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import { MIB } from "@remotegpu/shared/values/units";
import { clearAlarm, raiseAlarm, raiseAlarmOnce } from "../../events/alarms.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { noteCardWords, noteVanishedCards } from "../../billing/broken-time/gpu-outages.ts";
import { IS_BLIND, reportsFailure } from "../../hosts/gpus/card-sample.ts";
import { appendEvent, appendEvents, GPU_EVENT } from "../../events/events.ts";
import { noteGpuClosure } from "../../hosts/gpus/gpu-closures.ts";
import { noteGone, noteGpuHealth } from "./gpu-health.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";

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
  { hostId, gpus: reported, now }: { hostId: string; gpus: readonly GpuReport[]; now: Date },
): Promise<void> {
  const [, known, cards] = await Promise.all([
    // Cards change places when a boot enumerates them anew; the index is judged when all of them stand.
    sql.query("SET CONSTRAINTS gpus_host_id_gpu_index_key DEFERRED", []),
    knownCards(
      sql,
      reported.map(({ uuid }) => uuid),
      hostId,
    ),
    countCards(sql, hostId),
  ]);
  const gpus = await withinShare(sql, { hostId, gpus: reported, known, cards, now });
  const isElsewhere = ({ uuid }: GpuReport) => {
    const card = known.get(uuid);
    return card !== undefined && card.host_id !== hostId && card.is_live;
  };
  const vanished = markVanished(sql, { hostId, present: gpus.map(({ uuid }) => uuid), now });
  const isKnownHere = ({ uuid }: GpuReport) => known.get(uuid)?.host_id === hostId;
  const cardsHere = gpus.filter(isKnownHere);
  const health = noteGpuHealth(sql, { hostId, cards: cardsHere, now });
  await Promise.all([
    vanished,
    health,
    noteCardWords(sql, { hostId, cards: cardsHere, source: "report", now, after: health }),
  ]);
  for (const gpu of gpus)
    if (known.get(gpu.uuid)?.vanished === true && !isElsewhere(gpu))
      await clearAlarm(sql, { kind: "gpu-vanished", subject: gpu.uuid, now });
  for (const gpu of gpus.filter(isElsewhere))
    await refuseCard(sql, { hostId, gpu, card: known.get(gpu.uuid), now });
  for (const cards of eachOnce(gpus.filter((gpu) => !isElsewhere(gpu))))
    await putCards(sql, { hostId, gpus: cards, now });
  // These have a row of this host's only now.
  const newHere = gpus.filter((gpu) => !isKnownHere(gpu));
  const newHealth = noteGpuHealth(sql, { hostId, cards: newHere, now });
  await Promise.all([
    newHealth,
    noteCardWords(sql, { hostId, cards: newHere, source: "report", now, after: newHealth }),
  ]);
  await sql.change(
    `UPDATE hosts h SET total_gpu = c.cards, simulated = c.simulated
       FROM (SELECT count(*) AS cards, coalesce(bool_or(g.simulated), false) AS simulated
               FROM gpus g WHERE g.host_id = $1 AND g.vanished_at IS NULL) c
      WHERE h.id = $1 AND (h.total_gpu, h.simulated) IS DISTINCT FROM (c.cards, c.simulated)`,
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
    cards,
    now,
  }: {
    hostId: string;
    gpus: readonly GpuReport[];
    known: ReadonlyMap<string, KnownCard>;
    /** So many it has already. */
    cards: number;
    now: Date;
  },
): Promise<GpuReport[]> {
  const fresh = gpus.filter(({ uuid }) => !known.has(uuid));
  const room = Math.max(0, MAX_CARDS_OF_HOST - cards);
  if (fresh.length <= room) return [...gpus];
  const reason: Reason = {
    code: "gpus-too-many",
    params: { host_id: hostId, max_gpus: MAX_CARDS_OF_HOST },
  };
  await raiseAlarmOnce(sql, { kind: "too-many-cards", subject: hostId, reason, now });
  const left = new Set(fresh.slice(room));
  return gpus.filter((gpu) => !left.has(gpu));
}

async function countCards(sql: Connection, hostId: string): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    "SELECT count(*) AS count FROM gpus WHERE host_id = $1",
    [hostId],
  );
  return rows[0]?.count ?? 0;
}

async function knownCards(
  sql: Transaction,
  uuids: string[],
  hostId: string,
): Promise<Map<string, KnownCard>> {
  const cards = sql.query<KnownCard>(
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
  const yielded = sql.change(
    "UPDATE gpus SET conflict_host_id = NULL WHERE conflict_host_id = $1 AND NOT uuid = ANY($2::text[])",
    [hostId, uuids],
  );
  const [{ rows }] = await Promise.all([cards, yielded]);
  return new Map(rows.map((row) => [row.uuid, row]));
}

async function refuseCard(
  sql: Transaction,
  { hostId, gpu, card, now }: { hostId: string; gpu: GpuReport; card: KnownCard | undefined; now: Date },
): Promise<void> {
  if (card === undefined || card.conflict_host_id === hostId) return;
  await sql.change("UPDATE gpus SET conflict_host_id = $2 WHERE uuid = $1", [gpu.uuid, hostId]);
  const reason: Reason = {
    code: "gpu-of-two-hosts",
    params: { gpu_uuid: gpu.uuid, host_id: card.host_id, other_host_id: hostId },
  };
  await raiseAlarm(sql, { kind: "gpu-conflict", subject: gpu.uuid, reason, now });
  const actor = `host ${hostId}`;
  await appendEvent(sql, {
    at: now,
    kind: "gpu-conflict",
    hostId,
    gpuUuid: gpu.uuid,
    actor,
    reason,
  });
}

/** A vanished card gives its index away: the row's own number, negative, is nobody else's. */
async function markVanished(
  sql: Transaction,
  { hostId, present, now }: { hostId: string; present: string[]; now: Date },
): Promise<void> {
  const { rows } = await sql.change<{ uuid: string; old: string | null }>(
    `UPDATE gpus g SET vanished_at = $3, gpu_index = -g.id, nvlink_island = NULL, status = 'error'
       FROM (SELECT id, status AS old FROM gpus WHERE host_id = $1) before
      WHERE g.id = before.id AND g.vanished_at IS NULL AND NOT g.uuid = ANY($2::text[])
      RETURNING g.uuid, before.old`,
    [hostId, present, now],
  );
  for (const { uuid, old } of rows) {
    const reason: Reason = { code: "gpu-not-listed", params: { gpu_uuid: uuid, host_id: hostId } };
    const event = { at: now, hostId, gpuUuid: uuid, actor: `host ${hostId}` };
    await appendEvent(sql, { ...event, kind: "gpu-vanished", old, new: "error", reason });
    await raiseAlarmOnce(sql, { kind: "gpu-vanished", subject: uuid, reason, now });
    await noteGpuClosure(sql, { hostId, uuid, code: "not-listed", now });
    await noteGone(sql, uuid);
  }
  await noteVanishedCards(sql, { hostId, uuids: rows.map(({ uuid }) => uuid), now });
}

const IS_HELD = "EXISTS (SELECT FROM gpu_allocations a WHERE a.gpu_uuid = g.uuid AND a.released_at IS NULL)";

const HOST_IS_BLIND = `(SELECT ${IS_BLIND} h.degraded FROM hosts h WHERE h.id = EXCLUDED.host_id)`;

const HAS_FAILED = `(SELECT ${reportsFailure("t")} FROM told t WHERE t.uuid = EXCLUDED.uuid)`;

/** A host that tells of a card twice is believed what it says last. */
function eachOnce(gpus: readonly GpuReport[]): GpuReport[][] {
  const rounds: GpuReport[][] = [];
  const times = new Map<string, number>();
  for (const gpu of gpus) {
    const time = times.get(gpu.uuid) ?? 0;
    times.set(gpu.uuid, time + 1);
    (rounds[time] ??= []).push(gpu);
  }
  return rounds;
}

/** Each of them once. */
async function putCards(
  sql: Connection,
  { hostId, gpus, now }: { hostId: string; gpus: readonly GpuReport[]; now: Date },
): Promise<void> {
  const reported = gpus.map((gpu) => ({
    ...gpu,
    memoryTotal: gpu.memoryTotalMib === null ? null : gpu.memoryTotalMib * MIB,
    powerLimit: gpu.powerLimitW === null ? null : Math.round(gpu.powerLimitW),
  }));
  const { rows } = await sql.change<{
    uuid: string;
    status: string;
    old: string | null;
    was_gone: boolean | null;
  }>(
    `WITH told AS (
       SELECT * FROM jsonb_to_recordset($2::jsonb) AS t(uuid text, index int, name text, brand text, architecture text,
         "memoryTotal" bigint, "computeCapability" text, health text, "powerLimit" int, "temperatureLimitC" int,
         simulated boolean, "pciBusId" text, "driverVersion" text, "memoryUsedMib" int, "utilizationPercent" int,
         "temperatureC" int, "powerW" numeric, island int, "hasSign" boolean, cordon jsonb)),
     before AS (SELECT uuid, status, vanished_at FROM gpus WHERE uuid IN (SELECT uuid FROM told))
     INSERT INTO gpus AS g (host_id, gpu_index, uuid, name, brand, architecture, memory_total, compute_capability,
            health_status, power_limit, temperature_limit, simulated, pci_bus_id, driver_version, memory_used_mib,
            utilization_percent, temperature_c, power_w, last_seen_at, nvlink_island)
     SELECT $1, index, uuid, name, brand, architecture, "memoryTotal", "computeCapability", health, "powerLimit",
            "temperatureLimitC", simulated, "pciBusId", "driverVersion", "memoryUsedMib", "utilizationPercent",
            "temperatureC", "powerW", $3, island FROM told
     ON CONFLICT (uuid) DO UPDATE SET host_id = EXCLUDED.host_id, gpu_index = EXCLUDED.gpu_index, name = EXCLUDED.name,
            brand = EXCLUDED.brand, architecture = EXCLUDED.architecture, memory_total = EXCLUDED.memory_total,
            compute_capability = EXCLUDED.compute_capability, health_status = EXCLUDED.health_status,
            power_limit = EXCLUDED.power_limit, temperature_limit = EXCLUDED.temperature_limit,
            simulated = EXCLUDED.simulated, pci_bus_id = EXCLUDED.pci_bus_id, driver_version = EXCLUDED.driver_version,
            memory_used_mib = EXCLUDED.memory_used_mib, utilization_percent = EXCLUDED.utilization_percent,
            temperature_c = EXCLUDED.temperature_c, power_w = EXCLUDED.power_w,
            last_seen_at = CASE WHEN ${HOST_IS_BLIND} OR ${HAS_FAILED} THEN g.last_seen_at ELSE EXCLUDED.last_seen_at END,
            nvlink_island = EXCLUDED.nvlink_island, vanished_at = NULL,
            -- The old system's word for who holds it is nothing that we know of.
            allocated_to = CASE WHEN ${IS_HELD} THEN g.allocated_to END,
            allocated_at = CASE WHEN ${IS_HELD} THEN g.allocated_at END,
            conflict_host_id = CASE WHEN g.conflict_host_id = EXCLUDED.host_id THEN NULL ELSE g.conflict_host_id END,
            status = CASE WHEN g.cordoned THEN 'maintenance'
                          WHEN EXCLUDED.health_status = 'unhealthy' THEN 'error'
                          WHEN ${IS_HELD} THEN 'allocated' ELSE 'available' END
     RETURNING uuid, status, (SELECT b.status FROM before b WHERE b.uuid = g.uuid) AS old,
            (SELECT b.vanished_at IS NOT NULL FROM before b WHERE b.uuid = g.uuid) AS was_gone`,
    [hostId, JSON.stringify(reported), now],
  );
  const changed = new Map(
    rows
      .filter(({ old, status, was_gone }) => old !== status || was_gone === true)
      .map((row) => [row.uuid, row]),
  );
  await appendEvents(
    sql,
    gpus.flatMap(({ uuid }) => {
      const row = changed.get(uuid);
      if (row === undefined) return [];
      return {
        at: now,
        kind: GPU_EVENT,
        hostId,
        gpuUuid: uuid,
        actor: `host ${hostId}`,
        old: row.was_gone === true ? "vanished" : row.old,
        new: row.status,
        reason: reasonOf("gpu-reported"),
      };
    }),
  );
}
