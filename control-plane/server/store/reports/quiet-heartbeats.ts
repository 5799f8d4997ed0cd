/**
 * Heartbeats in which nothing is new but the time and the cards' readings, which is nearly all of them: many hosts are
 * noted and answered by one statement. Any other is left out of the answer and goes through heartbeats.ts, which alone
 * decides what something new means. A row that somebody holds is left out, too, so no host waits for another one's.
 */
import type { GpuVitals, Heartbeat } from "@remotegpu/shared/messages/protocol";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { MAX_BOOT_AGE_MS, MAX_ROUND_TRIP_MS } from "../billing/runs/run-time.ts";
import { IS_BLIND } from "../hosts/gpus/card-sample.ts";
import type { Connection } from "../database/database.ts";
import { healthReasonData } from "./health/health-reasons.ts";
import type { HeartbeatAnswer } from "./heartbeats.ts";

/** A card whose readings stand still is noted as seen this often. */
const SEEN_AGAIN_MS = MS_PER_MINUTE;

export interface HostBeat {
  hostId: string;
  heartbeat: Heartbeat;
}

type QuietAnswer = Omit<HeartbeatAnswer, "liftCordons">;

/** The same list twice: as the host tells it, which may be that it has not looked for strangers, and as gpu_health keeps it. */
const REPORTED_HEALTH = `(v.reasons, v."eccUncorrected", v."eccUncorrectedTotal", v."repairPending", v."repairFailed",
  v."throttleReasons", coalesce(v.strangers, k.strangers, '[]'), v."foreignMemoryMib", v."reasonCode",
  v."reasonData")`;
const STORED_HEALTH = `(k.reasons, k.ecc_uncorrected, k.ecc_uncorrected_total, k.repair_pending, k.repair_failed,
  k.throttle_reasons, k.strangers, k.foreign_memory_mib, k.reason_code, k.reason_data)`;

/**
 * `held` is what is quiet: every number known, the cards' health as before. `zeros` is fixBootZero of run-time.ts. The two
 * tables of one row are read beside `told`: as two joins more they made a third of the time that this takes to plan. `loud` is
 * made once: of tables that were never analyzed Postgres expects a row each, and would make it anew for every host.
 */
const NOTE_AND_ANSWER = `
WITH told AS MATERIALIZED (
  SELECT t.*, (SELECT term FROM leader) AS current_term, (SELECT db_incarnation FROM cluster_state) AS db_incarnation
    FROM jsonb_to_recordset($1::jsonb) AS t("hostId" text, "agentEpoch" bigint, "bootId" uuid,
    "monotonicMs" bigint, "roundTripMs" bigint, "journalId" uuid, "headSeq" bigint, "watermarkSeen" bigint, "incarnationSeen" bigint,
    term bigint, generation bigint, degraded text[], version text, "protocolMin" bigint, "protocolMax" bigint,
    features text[], "clockOffsetMs" bigint, upgrade jsonb)
), cards AS (
  SELECT * FROM jsonb_to_recordset($2::jsonb) AS v("hostId" text, uuid text, health text, "memoryUsedMib" int,
    "utilizationPercent" int, "temperatureC" int, "powerW" numeric, "memorySplit" jsonb, reasons text[], cordon jsonb,
    "eccUncorrected" bigint, "eccUncorrectedTotal" bigint, "repairPending" boolean, "repairFailed" boolean,
    "throttleReasons" text[], strangers jsonb, "foreignMemoryMib" int, "reasonCode" text, "hasSign" boolean, "reasonData" jsonb)
), loud AS MATERIALIZED (
  SELECT v."hostId" FROM cards v JOIN gpus g ON g.uuid = v.uuid AND g.host_id = v."hostId"
    LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid
   WHERE g.health_status IS DISTINCT FROM v.health OR v.reasons IS NOT NULL AND (v.cordon IS NOT NULL OR v."hasSign" OR k.has_sign
      OR k.host_cordon IS NOT NULL OR k.cordoned_by_host OR ${REPORTED_HEALTH} IS DISTINCT FROM ${STORED_HEALTH})
), held AS (
  SELECT h.id, t.*, h.generation AS target, h.observed_digest, h.target_release, j.watermark
    FROM told t JOIN hosts h ON h.id = t."hostId"
    JOIN host_journals j ON j.host_id = h.id AND j.journal_id = t."journalId"
    JOIN host_boots b ON b.host_id = h.id AND b.boot_id = t."bootId"
   WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.connection = 'connected'
     AND h.agent_epoch = t."agentEpoch" AND h.boot_id = t."bootId" AND h.degraded = t.degraded
     AND h.agent_version = t.version AND h.protocol_min = t."protocolMin" AND h.protocol_max = t."protocolMax"
     AND h.features = t.features AND h.agent_upgrade IS NOT DISTINCT FROM t.upgrade
     AND t.term <= t.current_term AND t.generation <= h.generation AND t."watermarkSeen" <= j.watermark
     AND t."incarnationSeen" <= t.db_incarnation
     AND NOT EXISTS (SELECT FROM loud WHERE loud."hostId" = h.id)
     FOR NO KEY UPDATE OF h SKIP LOCKED
), beat AS (
  UPDATE hosts h SET last_heartbeat = $3, applied_term = x.term, applied_generation = x.generation,
         clock_offset_ms = x."clockOffsetMs"
    FROM held x WHERE h.id = x.id
), zeros AS (
  SELECT b.host_id, b.boot_id, x."monotonicMs", x."roundTripMs" FROM held x
    JOIN host_boots b ON b.host_id = x.id AND b.boot_id = x."bootId"
   WHERE b.fixed_at IS NULL AND x."monotonicMs" <= $5 AND x."roundTripMs" < coalesce(b.round_trip_ms, $6::bigint)
     FOR NO KEY UPDATE OF b SKIP LOCKED
), zeroed AS (
  UPDATE host_boots b SET round_trip_ms = x."roundTripMs", measured_at = $3,
         utc_at_zero = $3 - make_interval(secs => (x."monotonicMs" + x."roundTripMs" / 2) / 1000.0)
    FROM zeros x WHERE b.host_id = x.host_id AND b.boot_id = x.boot_id
), heads AS (
  SELECT j.host_id, j.journal_id, x."headSeq" FROM held x
    JOIN host_journals j ON j.host_id = x.id AND j.journal_id = x."journalId"
   WHERE j.head_seq IS DISTINCT FROM x."headSeq" FOR NO KEY UPDATE OF j SKIP LOCKED
), headed AS (
  UPDATE host_journals j SET head_seq = x."headSeq" FROM heads x
   WHERE j.host_id = x.host_id AND j.journal_id = x.journal_id
), seen AS (
  SELECT g.id, v.* FROM held x JOIN cards v ON v."hostId" = x.id JOIN gpus g ON g.uuid = v.uuid AND g.host_id = x.id
   WHERE g.vanished_at IS NULL AND NOT ${IS_BLIND} x.degraded AND (g.last_seen_at IS NULL OR g.last_seen_at <= $4
      OR (g.memory_used_mib, g.utilization_percent, g.temperature_c, g.power_w, g.memory_split)
         IS DISTINCT FROM (v."memoryUsedMib", v."utilizationPercent", v."temperatureC", v."powerW", v."memorySplit"))
     FOR NO KEY UPDATE OF g SKIP LOCKED
), read AS (
  UPDATE gpus g SET memory_used_mib = x."memoryUsedMib", utilization_percent = x."utilizationPercent",
         temperature_c = x."temperatureC", power_w = x."powerW", memory_split = x."memorySplit", last_seen_at = $3
    FROM seen x WHERE g.id = x.id
)
SELECT id, current_term AS term, target AS generation, watermark, db_incarnation AS "dbIncarnation", target_release AS release,
       CASE WHEN generation >= target AND EXISTS (
         SELECT FROM placements p WHERE p.host_id = held.id AND p.gone_at IS NULL AND p.want = 'removed'
       ) THEN NULL ELSE observed_digest END AS "observedDigest"
  FROM held`;

/** Notes those that are quiet, and answers them; whoever is not in the answer was not touched. A host at most once. */
export async function noteQuietHeartbeats(
  sql: Connection,
  beats: readonly HostBeat[],
  now: Date,
): Promise<Map<string, QuietAnswer>> {
  const { rows } = await sql.change<QuietAnswer & { id: string }>(NOTE_AND_ANSWER, [
    JSON.stringify(beats.map(reportedOf)),
    JSON.stringify(
      beats.flatMap(({ hostId, heartbeat }) => heartbeat.gpus.map((gpu) => cardOf(hostId, gpu))),
    ),
    now,
    new Date(now.getTime() - SEEN_AGAIN_MS),
    MAX_BOOT_AGE_MS,
    MAX_ROUND_TRIP_MS,
  ]);
  return new Map(rows.map(({ id, ...answer }) => [id, answer]));
}

function reportedOf({ hostId, heartbeat }: HostBeat) {
  const { applied, journal, protocol } = heartbeat;
  return {
    hostId,
    agentEpoch: heartbeat.agentEpoch,
    bootId: heartbeat.bootId,
    monotonicMs: heartbeat.monotonicMs,
    roundTripMs: heartbeat.lastRoundTripMs,
    journalId: journal.id,
    headSeq: journal.headSeq,
    watermarkSeen: journal.watermarkSeen,
    incarnationSeen: journal.dbIncarnationSeen ?? 0,
    term: applied.term,
    generation: applied.generation,
    degraded: heartbeat.degraded,
    version: heartbeat.version,
    protocolMin: protocol.min,
    protocolMax: protocol.max,
    features: heartbeat.features ?? [],
    clockOffsetMs: heartbeat.clockOffsetMs ?? null,
    upgrade: heartbeat.upgrade ?? null,
  };
}

function cardOf(hostId: string, gpu: GpuVitals) {
  return { hostId, ...gpu, reasonData: healthReasonData(gpu) };
}
