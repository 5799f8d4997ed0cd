/**
 * What a heartbeat changes and what it is answered with. What it shows of a restored database is in restores.ts; one
 * in which nothing is new passes by here (quiet-heartbeats.ts).
 */
import type { GpuVitals, Heartbeat, HeartbeatReply } from "@remotegpu/shared/messages/protocol";
import { SSH_FEATURE } from "@remotegpu/shared/instance/ssh-access";
import { fixBootZero } from "../billing/runs/run-time.ts";
import { raiseAlarmOnce } from "../events/alarms.ts";
import { type Connection, type Database, transaction, type Transaction } from "../database/database.ts";
import { noteCardWords } from "../billing/broken-time/gpu-outages.ts";
import { IS_BLIND, reportsFailure } from "../hosts/gpus/card-sample.ts";
import { noteReboot } from "../billing/broken-time/host-deaths.ts";
import { appendEvent } from "../events/events.ts";
import { currentTerm } from "../database/leader.ts";
import { openJournalRows } from "../usage/journals.ts";
import { noteGpuHealth } from "./health/gpu-health.ts";
import { SERVES_SSH } from "../hosts/host-features.ts";
import { raiseGeneration } from "../hosts/hosts.ts";
import { refusedNewcomer } from "../hosts/newcomers.ts";
import { noteRestore } from "./restores.ts";
import type { NamedRelease, UpgradeResult } from "@remotegpu/shared/messages/upgrade-report";
import { noteUpgradeResult } from "../hosts/agent-upgrades.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";

export interface HeartbeatAnswer {
  term: number;
  generation: number;
  watermark: number;
  observedDigest: string | null;
  dbIncarnation: number;
  liftCordons: NonNullable<HeartbeatReply["liftCordons"]>;
  /** Null: nothing is to change. */
  release: NamedRelease | null;
}

export type HeartbeatOutcome =
  | { accepted: true; answer: HeartbeatAnswer; wasConnected: boolean; restored: boolean }
  | { accepted: false; reason: string };

interface KnownHost {
  health_status: string | null;
  generation: number;
  agent_epoch: number | null;
  connection: string;
  observed_digest: string | null;
  newest_journal: string | null;
  serves_ssh: boolean;
  /** As its last report had it; null: it had none. */
  last_upgrade: UpgradeResult | null;
}

/** Serves one heartbeat. The clock that says when it came is the control plane's. */
export async function acceptHeartbeat(
  database: Database,
  { hostId, heartbeat, now }: { hostId: string; heartbeat: Heartbeat; now: Date },
): Promise<HeartbeatOutcome> {
  return await transaction(database, async (sql) => {
    const host = await lockKnownHost(sql, hostId);
    if (host === null) return { accepted: false, reason: "this host is not known here, or was revoked" };
    if (isFromAnEarlierStart(host, heartbeat))
      return {
        accepted: false,
        reason: `agent start ${heartbeat.agentEpoch} is older than ${host.agent_epoch}`,
      };
    const { journal, bootId } = heartbeat;
    const refused =
      (await refusedNewcomer(sql, { hostId, kind: "journal", id: journal.id, now })) ??
      (await refusedNewcomer(sql, { hostId, kind: "boot", id: bootId, now }));
    if (refused !== null) return { accepted: false, reason: refused };
    const watermark = await noteJournal(sql, { hostId, heartbeat, now });
    if (watermark === null) return await refuseClaim(sql, { hostId, why: EVER_NEW_JOURNALS, now });
    const restore = await noteRestore(sql, {
      hostId,
      heartbeat,
      generation: host.generation,
      watermark,
      now,
    });
    if (restore.kind === "impossible") return await refuseClaim(sql, { hostId, why: restore.why, now });
    const restored = restore.kind === "restored";
    await noteReboot(sql, { hostId, heartbeat, now });
    await noteHost(sql, { hostId, heartbeat, now });
    // From now on it is told whom to let in, or no more.
    if (host.serves_ssh !== (heartbeat.features ?? []).includes(SSH_FEATURE))
      await raiseGeneration(sql, hostId);
    await fixBootZero(sql, {
      hostId,
      bootId: heartbeat.bootId,
      monotonicMs: heartbeat.monotonicMs,
      receivedAt: now,
      roundTripMs: heartbeat.lastRoundTripMs,
    });
    await reportChanges(sql, { hostId, host, heartbeat, now });
    await noteUpgradeResult(sql, { hostId, last: heartbeat.upgrade?.last, before: host.last_upgrade, now });
    const health = noteGpuHealth(sql, { hostId, cards: heartbeat.gpus, now });
    const words = { hostId, cards: heartbeat.gpus, source: "heartbeat", now, after: health } as const;
    const [liftCordons] = await Promise.all([health, noteCardWords(sql, words)]);
    await noteVitals(sql, { hostId, vitals: heartbeat.gpus, now });
    const requested = await answerFor(sql, {
      hostId,
      watermark: restored ? restore.requestedFrom : watermark,
      waitsForReport: restored,
    });
    const answer = { ...requested, liftCordons };
    return { accepted: true, answer, wasConnected: host.connection === "connected", restored };
  });
}

async function lockKnownHost(sql: Transaction, hostId: string): Promise<KnownHost | null> {
  const { rows } = await sql.query<KnownHost>(
    `SELECT generation, agent_epoch, connection, observed_digest, health_status,
            ${SERVES_SSH} AS serves_ssh, h.agent_upgrade -> 'last' AS last_upgrade,
            (SELECT j.journal_id FROM host_journals j WHERE j.host_id = h.id
              ORDER BY j.first_seen_at DESC, j.journal_id LIMIT 1) AS newest_journal
       FROM hosts h WHERE id = $1 AND deleted_at IS NULL AND revoked_at IS NULL FOR NO KEY UPDATE`,
    [hostId],
  );
  return rows[0] ?? null;
}

/** A journal that was lost begins counting anew under a new id; under the same id the count only goes up. */
function isFromAnEarlierStart(host: KnownHost, { agentEpoch, journal }: Heartbeat): boolean {
  return host.agent_epoch !== null && agentEpoch < host.agent_epoch && host.newest_journal === journal.id;
}

async function noteJournal(
  sql: Transaction,
  { hostId, heartbeat, now }: { hostId: string; heartbeat: Heartbeat; now: Date },
): Promise<number | null> {
  const { id: journalId, headSeq } = heartbeat.journal;
  await openJournalRows(sql, [{ hostId, journalId }], now);
  const { rows } = await sql.change<{ watermark: number }>(
    "UPDATE host_journals SET head_seq = $3 WHERE host_id = $1 AND journal_id = $2 RETURNING watermark",
    [hostId, journalId, headSeq],
  );
  return rows[0]?.watermark ?? null;
}

const EVER_NEW_JOURNALS: Reason = { code: "journals-too-many", params: {} };

/** The host's numbers stay as they are, and the operators see why it is silent. */
async function refuseClaim(
  sql: Transaction,
  { hostId, why, now }: { hostId: string; why: Reason; now: Date },
): Promise<HeartbeatOutcome> {
  const params = { host_id: hostId, why };
  const reason: Reason = { code: "heartbeats-refused", params };
  await raiseAlarmOnce(sql, { kind: "impossible-numbers", subject: hostId, reason, now });
  return { accepted: false, reason: `not believed: ${inEnglish(why)}` };
}

async function noteHost(
  sql: Connection,
  { hostId, heartbeat, now }: { hostId: string; heartbeat: Heartbeat; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE hosts SET last_heartbeat = $2, connection = 'connected',
            status = CASE WHEN cordoned THEN 'maintenance' ELSE 'online' END,
            health_status = CASE WHEN cardinality($3::text[]) > 0 THEN 'degraded' ELSE 'healthy' END,
            degraded = $3::text[], agent_version = $4, protocol_min = $5, protocol_max = $6, boot_id = $7,
            agent_epoch = $8, applied_term = $9, applied_generation = $10, features = $11::text[],
            clock_offset_ms = $12, agent_upgrade = $13::jsonb
      WHERE id = $1`,
    [
      hostId,
      now,
      heartbeat.degraded,
      heartbeat.version,
      heartbeat.protocol.min,
      heartbeat.protocol.max,
      heartbeat.bootId,
      heartbeat.agentEpoch,
      heartbeat.applied.term,
      heartbeat.applied.generation,
      heartbeat.features ?? [],
      heartbeat.clockOffsetMs ?? null,
      heartbeat.upgrade === undefined ? null : JSON.stringify(heartbeat.upgrade),
    ],
  );
}

/** Coming back, and becoming well or unwell, are events. */
async function reportChanges(
  sql: Connection,
  { hostId, host, heartbeat, now }: { hostId: string; host: KnownHost; heartbeat: Heartbeat; now: Date },
): Promise<void> {
  const event = { at: now, hostId, actor: `host ${hostId}` };
  if (host.connection !== "connected")
    await appendEvent(sql, {
      ...event,
      kind: "host-connection",
      old: host.connection,
      new: "connected",
      reason: reasonOf("host-heard"),
    });
  const health = heartbeat.degraded.length > 0 ? "degraded" : "healthy";
  if (host.health_status !== health)
    await appendEvent(sql, {
      ...event,
      kind: "host-health",
      old: host.health_status,
      new: health,
      reason: faultsOf(heartbeat.degraded),
    });
}

function faultsOf(names: readonly string[]): Reason | null {
  return names.length === 0 ? null : { code: "host-faults", params: { faults: { names, more: 0 } } };
}

async function noteVitals(
  sql: Connection,
  { hostId, vitals, now }: { hostId: string; vitals: GpuVitals[]; now: Date },
): Promise<void> {
  if (vitals.length === 0) return;
  await sql.change(
    `UPDATE gpus g SET health_status = v.health, memory_used_mib = v."memoryUsedMib",
            utilization_percent = v."utilizationPercent", temperature_c = v."temperatureC", power_w = v."powerW",
            memory_split = v."memorySplit",
            last_seen_at = CASE WHEN ${IS_BLIND} h.degraded OR ${reportsFailure("v")} THEN g.last_seen_at ELSE $3 END
       FROM hosts h, jsonb_to_recordset($2::jsonb) AS v(uuid text, health text, "memoryUsedMib" int,
              "utilizationPercent" int, "temperatureC" int, "powerW" numeric, "memorySplit" jsonb, "hasSign" boolean, cordon jsonb)
      WHERE h.id = $1 AND g.host_id = $1 AND g.uuid = v.uuid AND g.vanished_at IS NULL`,
    [hostId, JSON.stringify(vitals), now],
  );
}

/**
 * Asks for the observed state again (a null digest) while a removal waits to be seen: its absence from a whole
 * report counts only once the host has applied the order, which the report before may have been too early for.
 */
async function answerFor(
  sql: Connection,
  { hostId, watermark, waitsForReport }: { hostId: string; watermark: number; waitsForReport: boolean },
): Promise<Omit<HeartbeatAnswer, "liftCordons">> {
  const { rows } = await sql.query<{
    generation: number;
    observed_digest: string | null;
    db_incarnation: number;
    removal_waits: boolean;
    release: NamedRelease | null;
  }>(
    `SELECT h.generation, h.observed_digest, c.db_incarnation, h.target_release AS release,
            h.applied_generation >= h.generation AND EXISTS (
              SELECT FROM placements p WHERE p.host_id = h.id AND p.gone_at IS NULL AND p.want = 'removed'
            ) AS removal_waits
       FROM hosts h, cluster_state c WHERE h.id = $1`,
    [hostId],
  );
  const row = rows[0];
  if (row === undefined) throw new Error(`host ${hostId} vanished within its own transaction`);
  return {
    term: await currentTerm(sql),
    generation: row.generation,
    watermark,
    observedDigest: waitsForReport || row.removal_waits ? null : row.observed_digest,
    dbIncarnation: row.db_incarnation,
    release: row.release,
  };
}
