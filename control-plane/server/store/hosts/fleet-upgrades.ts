/**
 * Upgrades of the fleet, at most one of them open, with the state of each of their hosts. The release that a host is to run
 * stands in its own row, since every heartbeat is answered from there.
 */
import type { NamedRelease, UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import type { HostConnection } from "@remotegpu/shared/values/workload";
import type { HostUpgradeState } from "../../core/hosts/upgrades/host-upgrade.ts";
import type {
  HostNow,
  HostOfUpgrade,
  Upgrade,
  UpgradeState,
} from "../../core/hosts/upgrades/upgrade-plan.ts";
import type { Connection, Transaction } from "../database/database.ts";
import {
  optionalReasonColumn,
  reasonColumns,
  reasonLists,
  type StoredReason,
  storedReason,
} from "../database/values/reason-columns.ts";

export interface FleetUpgradeRow {
  id: string;
  version: string;
  manifest_sha256: string;
  state: UpgradeState;
  wave: number;
  wave_count: number;
  calm_since: Date | null;
  status_reason: StoredReason | null;
  started_by: string;
  started_at: Date;
  ended_at: Date | null;
}

const UPGRADE = `SELECT u.id, u.version, u.manifest_sha256, u.state, u.wave, u.wave_count, u.calm_since,
    ${optionalReasonColumn("u", "status_reason")} AS status_reason, u.started_by, u.started_at, u.ended_at
  FROM fleet_upgrades u`;

/** The one that is open, else the last; null where there was none. */
export async function latestUpgrade(sql: Connection): Promise<FleetUpgradeRow | null> {
  const { rows } = await sql.query<FleetUpgradeRow>(
    `${UPGRADE} ORDER BY u.ended_at IS NULL DESC, u.started_at DESC, u.id LIMIT 1`,
  );
  return rows[0] ?? null;
}

/** Held to the end of the transaction. */
export async function lockOpenUpgrade(sql: Transaction): Promise<FleetUpgradeRow | null> {
  const { rows } = await sql.query<FleetUpgradeRow>(`${UPGRADE} WHERE u.ended_at IS NULL FOR UPDATE OF u`);
  return rows[0] ?? null;
}

/** Why the last one halted is known while it is open. */
export function upgradeOf(row: FleetUpgradeRow): Upgrade {
  return {
    version: row.version,
    state: row.state,
    wave: row.wave,
    waveCount: row.wave_count,
    calmSinceMs: row.calm_since?.getTime() ?? null,
    reason: storedReason(row.status_reason),
  };
}

export interface UpgradeCandidate {
  id: string;
  isInFleet: true;
  connection: HostConnection;
  features: string[];
  report: UpgradeReport | null;
}

/**
 * All hosts of the fleet, or those named; mixed in an order that is another for each seed, so that no wave is one rack or one
 * kind of host.
 */
export async function upgradeCandidates(
  sql: Connection,
  { hostIds, seed }: { hostIds: readonly string[] | null; seed: string },
): Promise<UpgradeCandidate[]> {
  const { rows } = await sql.query<UpgradeCandidate & { id: string }>(
    `SELECT h.id, true AS "isInFleet", h.connection, h.features, h.agent_upgrade AS report FROM hosts h
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND ($1::text[] IS NULL OR h.id = ANY($1::text[]))
      ORDER BY md5($2::text || h.id), h.id`,
    [hostIds, seed],
  );
  return rows;
}

export async function beginUpgrade(
  sql: Transaction,
  upgrade: {
    id: string;
    release: NamedRelease;
    waves: readonly (readonly string[])[];
    by: string;
    now: Date;
  },
): Promise<void> {
  const { id, release, waves, by, now } = upgrade;
  await sql.change(
    `INSERT INTO fleet_upgrades (id, version, manifest_sha256, wave_count, started_by, started_at)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [id, release.version, release.manifestSha256, waves.length, by, now],
  );
  const members = waves.flatMap((hosts, wave) => hosts.map((hostId) => ({ hostId, wave })));
  await sql.change(
    `INSERT INTO fleet_upgrade_hosts (upgrade_id, host_id, wave)
     SELECT $1, m.host_id, m.wave FROM unnest($2::text[], $3::int[]) m (host_id, wave)`,
    [id, members.map(({ hostId }) => hostId), members.map(({ wave }) => wave)],
  );
}

interface MemberRow extends Omit<HostNow, "features"> {
  features: string[];
  host_id: string;
  wave: number;
  state: HostUpgradeState;
  reason: StoredReason | null;
  from_version: string | null;
  ordered_at: Date | null;
  attempt_before: string | null;
  conditions_before: string[];
  lagging_head: number | null;
  lagging_since: Date | null;
  is_acknowledged: boolean;
}

/** What is wrong with a host or its GPUs, as names that stay the same for as long as it is so. */
const CONDITIONS = `h.degraded || ARRAY(SELECT g.uuid::text FROM gpus g WHERE g.host_id = h.id AND g.uuid IS NOT NULL
    AND (g.vanished_at IS NOT NULL OR g.health_status = 'unhealthy') ORDER BY g.uuid)`;

/** The hosts of the waves up to this one, in the order of waves, each as the upgrade has it and as it is now. */
export async function hostsOfUpgrade(
  sql: Connection,
  { upgradeId, wave }: { upgradeId: string; wave: number },
): Promise<[HostOfUpgrade, HostNow][]> {
  const { rows } = await sql.query<MemberRow & { host_id: string }>(
    `SELECT m.host_id, m.wave, m.state, ${optionalReasonColumn("m", "reason")} AS reason, m.from_version, m.ordered_at,
            m.attempt_before, m.conditions_before, m.lagging_head, m.lagging_since,
            m.acknowledged_at IS NOT NULL AS is_acknowledged,
            h.name AS "hostName", h.connection, h.features, h.agent_upgrade AS report, ${CONDITIONS} AS conditions,
            h.deleted_at IS NULL AND h.revoked_at IS NULL AS "isInFleet",
            coalesce(j.head_seq, 0)::int8 AS "headSeq", coalesce(j.watermark, 0)::int8 AS watermark
       FROM fleet_upgrade_hosts m JOIN hosts h ON h.id = m.host_id
       LEFT JOIN LATERAL (SELECT head_seq, watermark FROM host_journals WHERE host_id = h.id
                           ORDER BY first_seen_at DESC, journal_id LIMIT 1) j ON true
      WHERE m.upgrade_id = $1 AND m.wave <= $2 ORDER BY m.wave, m.host_id`,
    [upgradeId, wave],
  );
  return rows.map((row) => [hostOfUpgrade(row), row]);
}

function hostOfUpgrade(row: MemberRow): HostOfUpgrade {
  const { lagging_head: head, lagging_since: since } = row;
  return {
    hostId: row.host_id,
    wave: row.wave,
    state: row.state,
    reason: storedReason(row.reason),
    fromVersion: row.from_version,
    orderedAtMs: row.ordered_at?.getTime() ?? null,
    attemptBefore: row.attempt_before,
    conditionsBefore: row.conditions_before,
    pending: head === null || since === null ? null : { head, sinceMs: since.getTime() },
    isAcknowledged: row.is_acknowledged,
  };
}

export async function saveUpgrade(
  sql: Transaction,
  { id, upgrade, now }: { id: string; upgrade: Upgrade; now: Date },
): Promise<void> {
  const { text, code, params } = reasonColumns(upgrade.reason);
  await sql.change(
    `UPDATE fleet_upgrades SET state = $2::varchar, wave = $3, calm_since = $4, status_reason = $5, status_reason_code = $6,
            status_reason_params = $7, ended_at = CASE WHEN $2::varchar IN ('finished', 'aborted') THEN $8::timestamptz END
      WHERE id = $1`,
    [id, upgrade.state, upgrade.wave, momentOf(upgrade.calmSinceMs), text, code, params, now],
  );
}

const ENDED: ReadonlySet<HostUpgradeState> = new Set(["upgraded", "reverted", "refused", "overdue"]);

/** Those whose state changed in this pass. */
export async function saveHosts(
  sql: Transaction,
  { upgradeId, hosts, now }: { upgradeId: string; hosts: readonly HostOfUpgrade[]; now: Date },
): Promise<void> {
  if (hosts.length === 0) return;
  const { texts, codes, params } = reasonLists(hosts.map(({ reason }) => reason));
  const rows = hosts.map((host, nth) => ({
    host_id: host.hostId,
    state: host.state,
    from_version: host.fromVersion,
    ordered_at: momentOf(host.orderedAtMs),
    has_ended: ENDED.has(host.state),
    attempt_before: host.attemptBefore,
    conditions_before: host.conditionsBefore,
    lagging_head: host.pending?.head ?? null,
    lagging_since: momentOf(host.pending?.sinceMs ?? null),
    is_acknowledged: host.isAcknowledged,
    reason: texts[nth],
    reason_code: codes[nth],
    // A text of JSON, as the other statements have it.
    reason_params: params[nth],
  }));
  await sql.change(
    `UPDATE fleet_upgrade_hosts m SET state = r.state, from_version = r.from_version, ordered_at = r.ordered_at,
            ended_at = CASE WHEN r.has_ended THEN coalesce(m.ended_at, $3) END, attempt_before = r.attempt_before,
            conditions_before = r.conditions_before, lagging_head = r.lagging_head, lagging_since = r.lagging_since,
            acknowledged_at = CASE WHEN r.is_acknowledged THEN coalesce(m.acknowledged_at, $3) END,
            reason = r.reason, reason_code = r.reason_code, reason_params = r.reason_params::jsonb
       FROM jsonb_to_recordset($2::jsonb) r (host_id text, state text, from_version text, ordered_at timestamptz,
              has_ended boolean, attempt_before text, conditions_before text[], lagging_head bigint,
              lagging_since timestamptz, is_acknowledged boolean, reason text, reason_code text, reason_params text)
      WHERE m.upgrade_id = $1 AND m.host_id = r.host_id`,
    [upgradeId, JSON.stringify(rows), now],
  );
}

/** Names the release to these hosts and takes it back from all others. */
export async function nameRelease(
  sql: Transaction,
  { release, hostIds }: { release: NamedRelease | null; hostIds: readonly string[] },
): Promise<void> {
  await sql.change(
    `WITH other AS (
       SELECT id FROM hosts WHERE target_release IS DISTINCT FROM CASE WHEN id = ANY($1::text[]) THEN $2::jsonb END
        ORDER BY id FOR NO KEY UPDATE)
     UPDATE hosts h SET target_release = CASE WHEN h.id = ANY($1::text[]) THEN $2::jsonb END
       FROM other WHERE other.id = h.id`,
    [hostIds, release === null ? null : JSON.stringify(release)],
  );
}

/** What halted it is known and accepted; hosts that were ordered before get their time anew. */
export async function resumeUpgrade(sql: Transaction, { id, now }: { id: string; now: Date }): Promise<void> {
  await sql.change(
    `UPDATE fleet_upgrade_hosts SET acknowledged_at = $2
      WHERE upgrade_id = $1 AND state IN ('reverted', 'refused', 'overdue') AND acknowledged_at IS NULL`,
    [id, now],
  );
  await sql.change(
    "UPDATE fleet_upgrade_hosts SET ordered_at = $2 WHERE upgrade_id = $1 AND state = 'ordered'",
    [id, now],
  );
}

/** Of each wave, how many of its hosts are in each state. */
export type WaveCounts = { wave: number; hosts: number } & Record<HostUpgradeState, number>;

export async function countsOfUpgrade(sql: Connection, upgradeId: string): Promise<WaveCounts[]> {
  const { rows } = await sql.query<WaveCounts & { wave: number }>(
    `SELECT wave, count(*)::int AS hosts, count(*) FILTER (WHERE state = 'waiting')::int AS waiting,
            count(*) FILTER (WHERE state = 'ordered')::int AS ordered,
            count(*) FILTER (WHERE state = 'upgraded')::int AS upgraded,
            count(*) FILTER (WHERE state = 'reverted')::int AS reverted,
            count(*) FILTER (WHERE state = 'refused')::int AS refused,
            count(*) FILTER (WHERE state = 'overdue')::int AS overdue,
            count(*) FILTER (WHERE state = 'skipped')::int AS skipped
       FROM fleet_upgrade_hosts WHERE upgrade_id = $1 GROUP BY wave ORDER BY wave`,
    [upgradeId],
  );
  return rows;
}

export interface FleetUpgradeHostRow {
  host_id: string;
  name: string;
  wave: number;
  state: HostUpgradeState;
  from_version: string | null;
  ordered_at: Date | null;
  ended_at: Date | null;
  reason: StoredReason | null;
}

/** By their ids; one row more than the limit. */
export async function listUpgradeHosts(
  sql: Connection,
  {
    upgradeId,
    state,
    page,
  }: { upgradeId: string; state: string | null; page: { limit: number; after: string | null } },
): Promise<FleetUpgradeHostRow[]> {
  const { rows } = await sql.query<FleetUpgradeHostRow & { host_id: string }>(
    `SELECT m.host_id, h.name, m.wave, m.state, m.from_version, m.ordered_at, m.ended_at,
            ${optionalReasonColumn("m", "reason")} AS reason
       FROM fleet_upgrade_hosts m JOIN hosts h ON h.id = m.host_id
      WHERE m.upgrade_id = $1 AND ($2::text IS NULL OR m.state = $2) AND ($3::text IS NULL OR m.host_id COLLATE "C" > $3)
      ORDER BY m.host_id COLLATE "C" LIMIT $4`,
    [upgradeId, state, page.after, page.limit + 1],
  );
  return rows;
}

function momentOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
