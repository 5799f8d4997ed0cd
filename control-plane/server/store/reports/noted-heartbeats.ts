/**
 * The parts of taking in heartbeats, each for any number of hosts at once: what one heartbeat needs (heartbeats.ts), and
 * what many need that came together (plain-heartbeats.ts). Of each host there is one heartbeat.
 */
import type { Heartbeat } from "@remotegpu/shared/messages/protocol";
import type { NamedRelease, UpgradeResult } from "@remotegpu/shared/messages/upgrade-report";
import { SSH_FEATURE } from "@remotegpu/shared/instance/ssh-access";
import { fixBootZeros } from "../billing/runs/run-time.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { currentTerm } from "../database/leader.ts";
import { appendEvents, type NewEvent } from "../events/events.ts";
import { IS_BLIND, reportsFailure } from "../hosts/gpus/card-sample.ts";
import { SERVES_SSH } from "../hosts/host-features.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { openJournalRows } from "../usage/journals.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { HeartbeatAnswer } from "./heartbeats.ts";
import type { HostBeat } from "./quiet-heartbeats.ts";

/** A host's row as it was before the heartbeat. */
export interface KnownHost {
  id: string;
  health_status: string | null;
  generation: number;
  agent_epoch: number | null;
  boot_id: string | null;
  connection: string;
  newest_journal: string | null;
  serves_ssh: boolean;
  /** As its last report had it; null: it had none. */
  last_upgrade: UpgradeResult | null;
}

export interface NotedBeat extends HostBeat {
  host: KnownHost;
}

/**
 * Holds the rows of those hosts that are in the fleet, to the end of the transaction.
 * @param options.waits false: a row that somebody else holds is left out
 */
export async function lockKnownHosts(
  sql: Transaction,
  hostIds: readonly string[],
  { waits }: { waits: boolean },
): Promise<Map<string, KnownHost>> {
  const { rows } = await sql.query<KnownHost>(
    `SELECT h.id, h.generation, h.agent_epoch, h.boot_id, h.connection, h.health_status, ${SERVES_SSH} AS serves_ssh,
            h.agent_upgrade -> 'last' AS last_upgrade,
            (SELECT j.journal_id FROM host_journals j WHERE j.host_id = h.id
              ORDER BY j.first_seen_at DESC, j.journal_id LIMIT 1) AS newest_journal
       FROM hosts h WHERE h.id = ANY($1::text[]) AND h.deleted_at IS NULL AND h.revoked_at IS NULL
      ORDER BY h.id FOR NO KEY UPDATE ${waits ? "" : "SKIP LOCKED"}`,
    [hostIds],
  );
  return new Map(rows.map((host) => [host.id, host]));
}

/** A journal that was lost begins counting anew under a new id; under the same id the count only goes up. */
export function isFromAnEarlierStart(host: KnownHost, { agentEpoch, journal }: Heartbeat): boolean {
  return host.agent_epoch !== null && agentEpoch < host.agent_epoch && host.newest_journal === journal.id;
}

/** Returns the watermarks by host; one is missing whose host has had more journals than any host. */
export async function noteJournals(
  sql: Transaction,
  beats: readonly HostBeat[],
  now: Date,
): Promise<Map<string, number>> {
  const keys = beats.map(({ hostId, heartbeat }) => ({ hostId, journalId: heartbeat.journal.id }));
  await openJournalRows(sql, keys, now);
  const { rows } = await sql.change<{ host_id: string; watermark: number }>(
    `UPDATE host_journals j SET head_seq = t.head_seq
       FROM unnest($1::text[], $2::uuid[], $3::bigint[]) t (host_id, journal_id, head_seq)
      WHERE j.host_id = t.host_id AND j.journal_id = t.journal_id RETURNING j.host_id, j.watermark`,
    [
      keys.map(({ hostId }) => hostId),
      keys.map(({ journalId }) => journalId),
      beats.map(({ heartbeat }) => heartbeat.journal.headSeq),
    ],
  );
  return new Map(rows.map(({ host_id, watermark }) => [host_id, watermark]));
}

/** The hosts' rows take over what was told, with the clocks of their boots, and what changed by it are events. */
export async function noteHosts(sql: Transaction, beats: readonly NotedBeat[], now: Date): Promise<void> {
  await putHosts(sql, beats, now);
  // From now on it is told whom to let in, or no more.
  const changed = beats.filter(({ host, heartbeat }) => host.serves_ssh !== servesSsh(heartbeat));
  await raiseGenerations(
    sql,
    changed.map(({ hostId }) => hostId),
  );
  await fixBootZeros(
    sql,
    beats.map(({ hostId, heartbeat: { bootId, monotonicMs, lastRoundTripMs: roundTripMs } }) => ({
      hostId,
      bootId,
      monotonicMs,
      receivedAt: now,
      roundTripMs,
    })),
  );
  await appendEvents(
    sql,
    beats.flatMap((beat) => changesOf(beat, now)),
  );
}

function servesSsh({ features = [] }: Heartbeat): boolean {
  return features.includes(SSH_FEATURE);
}

async function putHosts(sql: Connection, beats: readonly NotedBeat[], now: Date): Promise<void> {
  await sql.change(
    `UPDATE hosts h SET last_heartbeat = $2, connection = 'connected',
            status = CASE WHEN h.cordoned THEN 'maintenance' ELSE 'online' END,
            health_status = CASE WHEN cardinality(t.degraded) > 0 THEN 'degraded' ELSE 'healthy' END,
            degraded = t.degraded, agent_version = t.version, protocol_min = t."protocolMin",
            protocol_max = t."protocolMax", boot_id = t."bootId", agent_epoch = t."agentEpoch",
            applied_term = t.term, applied_generation = t.generation, features = t.features,
            clock_offset_ms = t."clockOffsetMs", agent_upgrade = t.upgrade
       FROM jsonb_to_recordset($1::jsonb) AS t("hostId" text, degraded text[], version text, "protocolMin" int,
              "protocolMax" int, "bootId" uuid, "agentEpoch" bigint, term bigint, generation bigint, features text[],
              "clockOffsetMs" bigint, upgrade jsonb)
      WHERE h.id = t."hostId"`,
    [JSON.stringify(beats.map(rowOf)), now],
  );
}

function rowOf({ hostId, heartbeat }: HostBeat) {
  const { degraded, version, protocol, bootId, agentEpoch, applied, features = [] } = heartbeat;
  return {
    hostId,
    degraded,
    version,
    protocolMin: protocol.min,
    protocolMax: protocol.max,
    bootId,
    agentEpoch,
    ...applied,
    features,
    clockOffsetMs: heartbeat.clockOffsetMs ?? null,
    upgrade: heartbeat.upgrade ?? null,
  };
}

/** Coming back, and becoming well or unwell, are events. */
function changesOf({ hostId, host, heartbeat }: NotedBeat, now: Date): NewEvent[] {
  const event = { at: now, hostId, actor: `host ${hostId}` };
  const health = heartbeat.degraded.length > 0 ? "degraded" : "healthy";
  const connection: NewEvent = {
    ...event,
    kind: "host-connection",
    old: host.connection,
    new: "connected",
    reason: reasonOf("host-heard"),
  };
  const changed: NewEvent = {
    ...event,
    kind: "host-health",
    old: host.health_status,
    new: health,
    reason: faultsOf(heartbeat.degraded),
  };
  return [
    ...(host.connection === "connected" ? [] : [connection]),
    ...(host.health_status === health ? [] : [changed]),
  ];
}

function faultsOf(names: readonly string[]): Reason | null {
  return names.length === 0 ? null : { code: "host-faults", params: { faults: { names, more: 0 } } };
}

/** Call once the hosts' rows have what was told. */
export async function noteVitals(sql: Connection, beats: readonly HostBeat[], now: Date): Promise<void> {
  const vitals = beats.flatMap(({ hostId, heartbeat }) => heartbeat.gpus.map((gpu) => ({ hostId, ...gpu })));
  if (vitals.length === 0) return;
  await sql.change(
    `UPDATE gpus g SET health_status = v.health, memory_used_mib = v."memoryUsedMib",
            utilization_percent = v."utilizationPercent", temperature_c = v."temperatureC", power_w = v."powerW",
            memory_split = v."memorySplit",
            last_seen_at = CASE WHEN ${IS_BLIND} h.degraded OR ${reportsFailure("v")} THEN g.last_seen_at ELSE $2 END
       FROM hosts h, jsonb_to_recordset($1::jsonb) AS v("hostId" text, uuid text, health text, "memoryUsedMib" int,
              "utilizationPercent" int, "temperatureC" int, "powerW" numeric, "memorySplit" jsonb, "hasSign" boolean, cordon jsonb)
      WHERE h.id = v."hostId" AND g.host_id = h.id AND g.uuid = v.uuid AND g.vanished_at IS NULL`,
    [JSON.stringify(vitals), now],
  );
}

/**
 * By host. Asks for the observed state again (a null digest) while a removal waits to be seen: its absence from a whole
 * report counts only once the host has applied the order, which the report before may have been too early for.
 */
export async function answersFor(
  sql: Connection,
  hosts: readonly { hostId: string; watermark: number }[],
): Promise<Map<string, Omit<HeartbeatAnswer, "liftCordons">>> {
  const { rows } = await sql.query<{
    id: string;
    generation: number;
    watermark: number;
    observedDigest: string | null;
    dbIncarnation: number;
    release: NamedRelease | null;
  }>(
    `SELECT h.id, h.generation, t.watermark, c.db_incarnation AS "dbIncarnation", h.target_release AS release,
            CASE WHEN h.applied_generation >= h.generation AND EXISTS (
              SELECT FROM placements p WHERE p.host_id = h.id AND p.gone_at IS NULL AND p.want = 'removed'
            ) THEN NULL ELSE h.observed_digest END AS "observedDigest"
       FROM unnest($1::text[], $2::bigint[]) t (id, watermark) JOIN hosts h USING (id), cluster_state c`,
    [hosts.map(({ hostId }) => hostId), hosts.map(({ watermark }) => watermark)],
  );
  const term = await currentTerm(sql);
  return new Map(rows.map(({ id, ...row }) => [id, { term, ...row }]));
}
