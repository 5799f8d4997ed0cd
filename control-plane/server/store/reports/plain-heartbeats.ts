/**
 * Heartbeats that tell changes of no consequence for anything that runs: a host that is heard for the first time or again,
 * a new start of its agent, a new version, other readings. Thousands of them come at once when a fleet joins, or when the
 * control plane or NATS was away; they are taken in as a set. Whatever may cost or end something (a restored database, a
 * reboot, a fault of a card or the end of one) is left to heartbeats.ts, host by host, and so are an upgrade's result and a
 * row that somebody holds.
 */
import type { GpuVitals } from "@remotegpu/shared/messages/protocol";
import { isSameValue } from "@remotegpu/shared/values/same-value";
import { restoreClaim } from "../../core/hosts/restore-claim.ts";
import type { Connection, Database, Transaction } from "../database/database.ts";
import { transaction } from "../database/transaction.ts";
import { refusedNewcomers } from "../hosts/newcomers.ts";
import { notePlainHealth } from "./health/gpu-health.ts";
import { EVER_NEW_JOURNALS, type HeartbeatOutcome, refuseClaim } from "./heartbeats.ts";
import {
  answersFor,
  isFromAnEarlierStart,
  lockKnownHosts,
  type NotedBeat,
  noteHosts,
  noteJournals,
  noteVitals,
} from "./noted-heartbeats.ts";
import type { HostBeat } from "./quiet-heartbeats.ts";

/** By host; whoever is not in the answer was not touched. A host at most once. */
export async function acceptPlainHeartbeats(
  database: Database,
  beats: readonly HostBeat[],
  now: Date,
): Promise<Map<string, HeartbeatOutcome>> {
  return await transaction(database, async (sql) => {
    const plain = await plainOf(sql, beats);
    const refused = await refusedBeginnings(sql, plain, now);
    const heard = plain.filter(({ hostId }) => !refused.has(hostId));
    const watermarks = await noteJournals(sql, heard, now);
    for (const { hostId } of heard)
      if (!watermarks.has(hostId))
        refused.set(hostId, await refuseClaim(sql, { hostId, why: EVER_NEW_JOURNALS, now }));
    const taken = heard.filter(({ hostId }) => watermarks.has(hostId));
    return new Map([...refused, ...(await take(sql, taken, { watermarks, now }))]);
  });
}

async function take(
  sql: Transaction,
  beats: readonly NotedBeat[],
  { watermarks, now }: { watermarks: ReadonlyMap<string, number>; now: Date },
): Promise<Map<string, HeartbeatOutcome>> {
  await noteHosts(sql, beats, now);
  await notePlainHealth(sql, beats, now);
  await noteVitals(sql, beats, now);
  const known = beats.map(({ hostId }) => ({ hostId, watermark: watermarks.get(hostId) ?? 0 }));
  const answers = await answersFor(sql, known);
  return new Map(
    beats.flatMap(({ hostId, host }) => {
      const answer = answers.get(hostId);
      if (answer === undefined) return [];
      const wasConnected = host.connection === "connected";
      return [
        [hostId, { accepted: true, answer: { ...answer, liftCordons: [] }, wasConnected, restored: false }],
      ];
    }),
  );
}

/** Those of hosts that are known and free, and of which nothing has to be looked at alone. */
async function plainOf(sql: Transaction, beats: readonly HostBeat[]): Promise<NotedBeat[]> {
  const candidates = beats.filter(({ heartbeat }) => heartbeat.gpus.every(isWithoutFault));
  const ids = candidates.map(({ hostId }) => hostId);
  const hosts = await lockKnownHosts(sql, ids, { waits: false });
  const [held, troubled] = [await numbersHeld(sql, candidates), await withTroubledCards(sql, ids)];
  return candidates.flatMap(({ hostId, heartbeat }) => {
    const host = hosts.get(hostId);
    const isKnown = host !== undefined && !isFromAnEarlierStart(host, heartbeat);
    if (!isKnown || troubled.has(hostId)) return [];
    const isSameBoot = host.boot_id === null || host.boot_id === heartbeat.bootId;
    const { applied, journal } = heartbeat;
    const reported = {
      ...applied,
      watermark: journal.watermarkSeen,
      dbIncarnation: journal.dbIncarnationSeen ?? 0,
    };
    const { term, dbIncarnation, watermarks } = held;
    const numbers = {
      term,
      dbIncarnation,
      generation: host.generation,
      watermark: watermarks.get(hostId) ?? 0,
    };
    const hasResult = !isSameValue(heartbeat.upgrade?.last ?? null, host.last_upgrade);
    const isPlain = isSameBoot && !hasResult && restoreClaim(reported, numbers, 0).kind === "none";
    return isPlain ? [{ hostId, heartbeat, host }] : [];
  });
}

function isWithoutFault({ cordon, hasSign, health, reasons = [] }: GpuVitals): boolean {
  return (cordon ?? null) === null && hasSign !== true && (health !== "unhealthy" || reasons.length === 0);
}

async function numbersHeld(sql: Connection, beats: readonly HostBeat[]) {
  const { rows: clusters } = await sql.query<{ term: number; db_incarnation: number }>(
    "SELECT l.term, c.db_incarnation FROM cluster_state c LEFT JOIN leader l ON true",
  );
  const { rows: journals } = await sql.query<{ host_id: string; watermark: number }>(
    `SELECT host_id, watermark FROM unnest($1::text[], $2::uuid[]) k (host_id, journal_id)
       JOIN host_journals USING (host_id, journal_id)`,
    [beats.map(({ hostId }) => hostId), beats.map(({ heartbeat }) => heartbeat.journal.id)],
  );
  return {
    term: clusters[0]?.term ?? 0,
    dbIncarnation: clusters[0]?.db_incarnation ?? 1,
    watermarks: new Map(journals.map(({ host_id, watermark }) => [host_id, watermark])),
  };
}

/** Hosts with a card that was faulty, was cordoned by its host, or has an outage that lasts: a report may end these. */
async function withTroubledCards(sql: Connection, hostIds: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ host_id: string }>(
    `SELECT DISTINCT g.host_id FROM gpus g LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid
      WHERE g.host_id = ANY($1::text[])
        AND (g.cordoned OR k.has_sign OR k.host_cordon IS NOT NULL OR k.cordoned_by_host
             OR EXISTS (SELECT FROM gpu_outages o WHERE o.gpu_uuid = g.uuid AND o.recovered_at IS NULL))`,
    [hostIds],
  );
  return new Set(rows.map(({ host_id }) => host_id));
}

/** Those that have begun more journals or boots today than is believed. */
async function refusedBeginnings(
  sql: Transaction,
  beats: readonly NotedBeat[],
  now: Date,
): Promise<Map<string, HeartbeatOutcome>> {
  const journals = await refusedNewcomers(
    sql,
    "journal",
    beats.map(({ hostId, heartbeat }) => ({ hostId, id: heartbeat.journal.id })),
    now,
  );
  const boots = await refusedNewcomers(
    sql,
    "boot",
    beats
      .filter(({ hostId }) => !journals.has(hostId))
      .map(({ hostId, heartbeat }) => ({ hostId, id: heartbeat.bootId })),
    now,
  );
  return new Map([...journals, ...boots].map(([hostId, reason]) => [hostId, { accepted: false, reason }]));
}
