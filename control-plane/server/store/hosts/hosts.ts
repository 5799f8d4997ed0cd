/**
 * Hosts and their GPUs as administrators see and change them. What hosts say about themselves comes in through
 * heartbeats.ts and observed.ts; what runs on them is placements.ts.
 */
import type { AnyReason } from "@remotegpu/shared/reasons/parameters";
import type { GpuMemorySplit, GpuStranger } from "@remotegpu/shared/messages/host-report";
import type { GatewayRoute } from "../../core/gateway/host-tunnel.ts";
import type { ProtocolRange } from "@remotegpu/shared/messages/agreed-protocol";
import type { NamedRelease, UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import type { PoolState } from "../../core/hosts/pools/pool-membership.ts";
import {
  optionalReasonColumn,
  type StatusReasonRow,
  statusReasonColumns,
  storedReasonColumn,
  type StoredReason,
} from "../database/values/reason-columns.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { safeBigint, SOUND_HOST } from "../database/values/old-values.ts";
import { ADDRESS, type AddressRow } from "./host-addresses.ts";
import { CANARY, type CanaryRow } from "./host-canaries.ts";
import { DRILL_OF_HOST, type DrillRow } from "./host-drills.ts";
import { REPORTED_VERSIONS, type ReportedVersions } from "./host-versions.ts";
import { SAMPLED_AT } from "./gpus/card-sample.ts";
import { hasPart } from "../database/values/text-part.ts";

export interface HostRow extends StatusReasonRow {
  id: string;
  name: string;
  hostname: string | null;
  ip_address: string;
  public_ip: string | null;
  address: AddressRow;
  os_type: string | null;
  os_version: string | null;
  arch: string | null;
  status: string;
  connection: string;
  health_status: string;
  cordoned: boolean;
  cordon_reason: string | null;
  /** Until then what runs there goes on; null unless it is being emptied by a deadline. */
  drain_deadline_at: Date | null;
  /** How many of its instances hold something. */
  instance_count: number;
  /** The one that it began last; null before its first heartbeat. */
  journal: { id: string; head_seq: number | null; watermark: number } | null;
  /** The pending rows of all its journals. */
  pending_usage_rows: number;
  simulated: boolean;
  degraded: string[];
  storage_pool: string;
  /** Said by the host as it joined, and confirmed by nobody. */
  claimed_storage_pool: string | null;
  pool_state: PoolState;
  pool_proved_at: Date | null;
  pool_proof_due_at: Date | null;
  pool_failure: StoredReason | null;
  attach_mode: string | null;
  gateway_port: number | null;
  /** How each gateway that runs reaches it. */
  routes: (Omit<GatewayRoute, "detail"> & { detail: StoredReason })[];
  /** Names and ids together; null for a host that does not tell. */
  image_count: number | null;
  /** Null while its agent has reported none. */
  canary: CanaryRow | null;
  /** Its newest drill with what that is judged by. */
  drill: DrillRow;
  /** What it reported of its programs; null for a host that reports none. */
  versions: ReportedVersions | null;
  agent_version: string | null;
  /** As its agent reports its releases; null for one that cannot upgrade itself. */
  agent_upgrade: UpgradeReport | null;
  /** What it is to run by an upgrade of the fleet that is under way. */
  target_release: NamedRelease | null;
  features: string[];
  protocol: ProtocolRange | null;
  total_cpu: number;
  used_cpu: number;
  total_memory: number;
  used_memory: number;
  total_disk: number;
  used_disk: number;
  total_gpu: number;
  used_gpu: number;
  labels: Record<string, string> | null;
  tags: string[] | null;
  generation: number;
  applied_generation: number;
  applied_term: number;
  confirmed_stops: number | null;
  last_heartbeat: Date | null;
  /** Positive: its clock is ahead of ours. */
  clock_offset_ms: number | null;
  observed_at: Date | null;
  revoked_at: Date | null;
  /** The three are null where the old system did not say. */
  registered_at: Date | null;
  created_at: Date | null;
  updated_at: Date | null;
}

/** The versions of the protocol that the agent of the host `h` speaks, null before its first heartbeat. */
export const SPOKEN_PROTOCOL = `CASE WHEN h.protocol_min IS NOT NULL AND h.protocol_max IS NOT NULL
  THEN jsonb_build_object('min', h.protocol_min, 'max', h.protocol_max) END`;

const HOST = `SELECT h.id, h.name, h.hostname, h.ip_address, h.public_ip, ${ADDRESS} AS address, h.os_type, h.os_version, h.arch,
    coalesce(h.status, 'offline') AS status, h.status_reason, ${statusReasonColumns("h")}, h.connection,
    coalesce(h.health_status, 'unknown') AS health_status, h.cordoned, h.cordon_reason,
    (SELECT d.deadline_at FROM host_drains d WHERE d.host_id = h.id) AS drain_deadline_at,
    (SELECT count(*)::int FROM placements p WHERE p.host_id = h.id AND p.gone_at IS NULL AND p.resources_released_at IS NULL) AS instance_count,
    (SELECT jsonb_build_object('id', j.journal_id, 'head_seq', j.head_seq, 'watermark', j.watermark)
       FROM host_journals j WHERE j.host_id = h.id ORDER BY j.first_seen_at DESC, j.journal_id LIMIT 1) AS journal,
    (SELECT coalesce(sum(greatest(j.head_seq - j.watermark, 0)), 0)::int8 FROM host_journals j
      WHERE j.host_id = h.id) AS pending_usage_rows,
    h.simulated, h.degraded,
    coalesce(h.storage_pool, h.id) AS storage_pool, h.claimed_storage_pool, h.pool_state, h.pool_proved_at,
    h.pool_proof_due_at, ${optionalReasonColumn("h", "pool_failure")} AS pool_failure, h.attach_mode, h.agent_version, h.agent_upgrade, h.target_release, h.features, h.gateway_port,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('gatewayName', g.name, 'route', w.route, 'detail', ${storedReasonColumn("w", "detail")}) ORDER BY g.name, g.id), '[]')
       FROM gateway_routes w JOIN gateways g ON g.id = w.gateway_id
      WHERE w.host_id = h.id AND g.seen_at > now() - interval '60 seconds') AS routes,
    (SELECT cardinality(i.images) FROM host_images i WHERE i.host_id = h.id) AS image_count,
    ${CANARY} AS canary, ${DRILL_OF_HOST} AS drill,
    ${REPORTED_VERSIONS} AS versions,
    ${SPOKEN_PROTOCOL} AS protocol,
    coalesce(h.total_cpu, 0) AS total_cpu, coalesce(h.used_cpu, 0) AS used_cpu,
    coalesce(h.total_gpu, 0) AS total_gpu, coalesce(h.used_gpu, 0) AS used_gpu,
    ${["total_memory", "used_memory", "total_disk", "used_disk"]
      .map((column) => `${safeBigint(`coalesce(h.${column}, 0)`)} AS ${column}`)
      .join(", ")},
    h.labels, h.tags, h.generation, h.applied_generation, h.applied_term, h.confirmed_stops, h.last_heartbeat, h.clock_offset_ms,
    h.observed_at, h.revoked_at, h.registered_at, h.created_at, h.updated_at
  FROM hosts h`;

/** What the agent of each host of the fleet speaks. */
export async function spokenVersions(
  sql: Connection,
): Promise<{ id: string; name: string; protocol: ProtocolRange | null; version: string | null }[]> {
  const { rows } = await sql.query<{
    id: string;
    name: string;
    protocol: ProtocolRange | null;
    version: string | null;
  }>(
    `SELECT h.id, h.name, ${SPOKEN_PROTOCOL} AS protocol, h.agent_version AS version FROM hosts h
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL ORDER BY h.id`,
  );
  return rows;
}

export async function hostById(sql: Connection, hostId: string): Promise<HostRow | null> {
  const { rows } = await sql.query<HostRow>(`${HOST} WHERE h.id = $1 AND h.deleted_at IS NULL`, [hostId]);
  return rows[0] ?? null;
}

/** By what lists of hosts are sorted, as a text that sorts so by its bytes; hosts that are alike in it go by their ids. */
const SORTED_BY = {
  id: "h.id",
  name: "lower(h.name)",
  connection: "h.connection",
  last_heartbeat: "coalesce(to_char(h.last_heartbeat AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '')",
} as const;
export type HostSort = keyof typeof SORTED_BY;
export const HOST_SORTS = Object.keys(SORTED_BY) as HostSort[];

export interface HostFilter {
  status: string | null;
  connection: string | null;
  /** A part of its id, its name, or what it is called by itself or its network. */
  search: string | null;
  sort: HostSort;
  page: { limit: number; after: { key: string; id: string } | null };
}

/** A filter that is null lets everything pass. Fetches one row more than `limit`. */
export async function listHosts(
  sql: Connection,
  { status, connection, search, sort, page }: HostFilter,
): Promise<(HostRow & { sort_key: string })[]> {
  const key = `(${SORTED_BY[sort]}) COLLATE "C"`;
  const { rows } = await sql.query<HostRow & { sort_key: string }>(
    `SELECT shown.*, ${key.replaceAll("h.", "shown.")} AS sort_key FROM (${HOST}
      WHERE h.deleted_at IS NULL AND ($1::text IS NULL OR h.status = $1) AND ($2::text IS NULL OR h.connection = $2)
        AND ($3::text IS NULL OR ${["h.id", "h.name", "coalesce(h.hostname, '')", "h.ip_address"]
          .map((column) => hasPart(column, "$3"))
          .join(" OR ")})
        AND ($4::text IS NULL OR (${key}, h.id COLLATE "C") > ($4::text, $5::text))) shown
      ORDER BY sort_key, shown.id COLLATE "C" LIMIT $6`,
    [status, connection, search, page.after?.key ?? null, page.after?.id ?? null, page.limit + 1],
  );
  return rows;
}

export interface GpuRow {
  /** Null for a card that only the old system knew. */
  uuid: string | null;
  host_id: string;
  gpu_index: number;
  name: string | null;
  brand: string | null;
  architecture: string | null;
  compute_capability: string | null;
  driver_version: string | null;
  pci_bus_id: string | null;
  /** Bytes. */
  memory_total: number | null;
  memory_used_mib: number | null;
  utilization_percent: number | null;
  temperature_c: number | null;
  power_w: string | null;
  power_limit: number | null;
  temperature_limit: number | null;
  nvlink_island: number | null;
  status: string;
  health_status: string;
  sharing_mode: string | null;
  simulated: boolean;
  cordoned: boolean;
  cordon_reason: StoredReason | null;
  cordoned_by: "admin" | "host" | null;
  health_reasons: string[];
  /** Beside each of them its code and parameters, null for one that came as a text; null where all did. */
  health_reason_data: (AnyReason | null)[] | null;
  reason_code: string | null;
  has_sign: boolean;
  ecc_uncorrected: number | null;
  ecc_uncorrected_total: number | null;
  repair_pending: boolean | null;
  repair_failed: boolean | null;
  throttle_reasons: string[] | null;
  /** As hosts tell them. */
  strangers: GpuStranger[];
  foreign_memory_mib: number | null;
  /** As hosts report it; null where that is not known now. */
  memory_split: GpuMemorySplit | null;
  conflict_host_id: string | null;
  allocated_to: string | null;
  allocated_at: Date | null;
  last_seen_at: Date | null;
  /** When its readings were said last; those that stand still are noted seldom. */
  sampled_at: Date | null;
  vanished_at: Date | null;
  instances: string[];
}

const GPU = `SELECT g.uuid, g.host_id, g.gpu_index, g.name, g.brand, g.architecture, g.compute_capability,
    g.driver_version, g.pci_bus_id, ${safeBigint("g.memory_total")} AS memory_total, g.memory_used_mib,
    g.utilization_percent, g.temperature_c, g.power_w, g.power_limit, g.temperature_limit,
    g.nvlink_island, g.memory_split, coalesce(g.status, 'available') AS status,
    coalesce(g.health_status, 'unknown') AS health_status, g.sharing_mode, g.simulated, g.cordoned,
    ${optionalReasonColumn("g", "cordon_reason")} AS cordon_reason, g.conflict_host_id, g.allocated_to, g.allocated_at, g.last_seen_at,
    ${SAMPLED_AT} AS sampled_at, g.vanished_at,
    ARRAY(SELECT a.instance_id FROM gpu_allocations a WHERE a.gpu_uuid = g.uuid AND a.released_at IS NULL
           ORDER BY a.slot) AS instances,
    CASE WHEN g.cordoned THEN CASE WHEN k.cordoned_by_host THEN 'host' ELSE 'admin' END END AS cordoned_by,
    coalesce(k.reasons, '{}') AS health_reasons, k.reason_data AS health_reason_data, k.reason_code,
    coalesce(k.has_sign, false) AS has_sign, k.ecc_uncorrected, k.ecc_uncorrected_total, k.repair_pending,
    k.repair_failed, k.throttle_reasons, coalesce(k.strangers, '[]') AS strangers, k.foreign_memory_mib
  FROM gpus g LEFT JOIN hosts h ON h.id = g.host_id LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid`;

/** The host's own cards, and those of other hosts that this one claims too (`conflict_host_id`). */
export async function gpusOfHost(sql: Connection, hostId: string): Promise<GpuRow[]> {
  const { rows } = await sql.query<GpuRow>(
    `${GPU} WHERE g.host_id = $1 OR g.conflict_host_id = $1 ORDER BY g.host_id <> $1, g.gpu_index, g.uuid`,
    [hostId],
  );
  return rows;
}

export async function gpuByUuid(sql: Connection, uuid: string): Promise<GpuRow | null> {
  const { rows } = await sql.query<GpuRow>(`${GPU} WHERE g.uuid = $1`, [uuid]);
  return rows[0] ?? null;
}

export interface HostChange {
  name?: string | undefined;
  public_ip?: string | null | undefined;
  labels?: Record<string, string> | null | undefined;
  tags?: string[] | null | undefined;
}

export async function updateHost(sql: Connection, hostId: string, change: HostChange): Promise<void> {
  await sql.change(
    `UPDATE hosts SET ${SOUND_HOST}, name = coalesce($2, name),
            public_ip = CASE WHEN $3 THEN $4 ELSE public_ip END,
            labels = CASE WHEN $5 THEN $6::jsonb ELSE labels END,
            tags = CASE WHEN $7 THEN $8::text[] ELSE tags END
      WHERE id = $1`,
    [
      hostId,
      change.name ?? null,
      change.public_ip !== undefined,
      change.public_ip ?? null,
      change.labels !== undefined,
      change.labels === undefined || change.labels === null ? null : JSON.stringify(change.labels),
      change.tags !== undefined,
      change.tags ?? null,
    ],
  );
}

/** Null for a host that is not there. */
export async function statusOf(sql: Connection, hostId: string): Promise<string | null> {
  const { rows } = await sql.query<{ status: string | null }>("SELECT status FROM hosts WHERE id = $1", [
    hostId,
  ]);
  return rows[0]?.status ?? null;
}

/** Nothing new is placed there; what runs, runs on. */
export async function cordonHost(
  sql: Connection,
  { hostId, reason }: { hostId: string; reason: string | null },
): Promise<void> {
  await sql.change(
    `UPDATE hosts SET ${SOUND_HOST}, cordoned = true, cordon_reason = $2, status = 'maintenance' WHERE id = $1`,
    [hostId, reason],
  );
}

export async function uncordonHost(sql: Connection, hostId: string): Promise<void> {
  await sql.change(
    `UPDATE hosts SET ${SOUND_HOST}, cordoned = false, cordon_reason = NULL,
            status = CASE WHEN connection IN ('connected', 'suspect') THEN 'online' ELSE 'offline' END
      WHERE id = $1`,
    [hostId],
  );
}

/** False when there is no such card. */
export async function cordonGpu(
  sql: Connection,
  { uuid, reason }: { uuid: string; reason: string | null },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `UPDATE gpus SET cordoned = true, cordon_reason = $2, cordon_reason_code = NULL, cordon_reason_params = NULL,
            status = 'maintenance'
      WHERE uuid = $1`,
    [uuid, reason],
  );
  return rowCount === 1;
}

export async function uncordonGpu(sql: Connection, uuid: string): Promise<boolean> {
  const { rowCount } = await sql.change(
    `UPDATE gpus SET cordoned = false, cordon_reason = NULL, cordon_reason_code = NULL, cordon_reason_params = NULL,
            status = CASE WHEN EXISTS (
              SELECT FROM gpu_allocations a WHERE a.gpu_uuid = gpus.uuid AND a.released_at IS NULL
            ) THEN 'allocated' ELSE 'available' END
      WHERE uuid = $1`,
    [uuid],
  );
  return rowCount === 1;
}

/** Many stops at once are meant, up to this generation. False when the host has not come that far. */
export async function confirmStops(
  sql: Connection,
  { hostId, generation }: { hostId: string; generation: number },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `UPDATE hosts SET confirmed_stops = greatest(confirmed_stops, $2)
      WHERE id = $1 AND deleted_at IS NULL AND $2 <= generation`,
    [hostId, generation],
  );
  return rowCount === 1;
}

/** Held to the end of the transaction, in the order of their ids: the order of locks everywhere. */
export async function lockHosts(sql: Transaction, hostIds: readonly string[]): Promise<void> {
  await sql.query("SELECT FROM hosts WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE", [hostIds]);
}

/** Whoever changes a host's desired set calls this in the same transaction. Takes the host's row lock. */
export async function raiseGeneration(sql: Transaction, hostId: string): Promise<number> {
  const { rows } = await sql.change<{ generation: number }>(
    "UPDATE hosts SET generation = generation + 1 WHERE id = $1 RETURNING generation",
    [hostId],
  );
  return rows[0]?.generation ?? 0;
}

/** The generations of several hosts, each once, in the order of their ids: the order of locks everywhere. */
export async function raiseGenerations(
  sql: Transaction,
  hostIds: readonly string[],
): Promise<Map<string, number>> {
  if (hostIds.length === 0) return new Map();
  const { rows } = await sql.change<{ id: string; generation: number }>(
    `WITH held AS (SELECT id FROM hosts WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE)
     UPDATE hosts h SET generation = h.generation + 1 FROM held WHERE h.id = held.id RETURNING h.id, h.generation`,
    [hostIds],
  );
  return new Map(rows.map(({ id, generation }) => [id, generation]));
}

/**
 * The hosts' used_ columns follow what their placements hold. Their rows are locked by the caller. Each table is read
 * once for all hosts: a look for each host by itself is slow where Postgres believes that next to nothing is held.
 */
export async function refreshHostUse(sql: Connection, hostIds: readonly string[]): Promise<void> {
  await sql.change(
    `WITH held AS (
       SELECT host_id, ceil(sum(cpu_milli) / 1000.0)::int AS cpu, sum(memory_bytes)::bigint AS memory,
              coalesce(sum(temp_storage_bytes), 0)::bigint AS disk
         FROM placements WHERE host_id = ANY($1::text[]) AND resources_released_at IS NULL GROUP BY host_id),
     cards AS (
       SELECT g.host_id, count(DISTINCT a.gpu_uuid)::int AS gpus FROM gpus g
         JOIN gpu_allocations a ON a.gpu_uuid = g.uuid AND a.released_at IS NULL
        WHERE g.host_id = ANY($1::text[]) GROUP BY g.host_id)
     UPDATE hosts h SET used_cpu = coalesce(held.cpu, 0), used_memory = coalesce(held.memory, 0),
            used_disk = coalesce(held.disk, 0), used_gpu = coalesce(cards.gpus, 0)
       FROM unnest($1::text[]) asked (id) LEFT JOIN held ON held.host_id = asked.id
       LEFT JOIN cards ON cards.host_id = asked.id
      WHERE h.id = asked.id`,
    [hostIds],
  );
}
