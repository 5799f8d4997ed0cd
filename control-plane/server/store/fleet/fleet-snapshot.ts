/** The fleet as placement sees it: hosts, cards and what is still free of them, from one read. */
import type { GpuStranger } from "@remotegpu/shared/messages/host-report";
import type { ProtocolRange } from "@remotegpu/shared/messages/agreed-protocol";
import { PROTOCOL } from "@remotegpu/shared/messages/protocol";
import type { HostConnection } from "@remotegpu/shared/values/workload";
import { MIB, THOUSANDTHS } from "@remotegpu/shared/values/units";
import { agentService } from "../../core/hosts/agent-service.ts";
import { type CardFault, whyFaulty } from "../../core/hosts/card-fault.ts";
import { drillObstacle } from "../../core/hosts/drill-freshness.ts";
import { isHeardNow } from "../../core/hosts/host-liveness.ts";
import { poolObstacle, type PoolState } from "../../core/hosts/pools/pool-membership.ts";
import type { Fleet, GpuCapacity, GpuUse, HostCapacity } from "../../core/placement/fleet/fleet.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { Connection } from "../database/database.ts";
import { isLimitedToOnePayer, payersOnHosts } from "../hosts/cve-waivers.ts";
import { CARD_FAULT } from "../hosts/gpus/card-fault.ts";
import { strangerReason } from "../hosts/gpus/gpu-strangers.ts";
import {
  DRILL_POLICY,
  DRIVER_VERSION,
  heldDrill,
  NEWEST_DRILL,
  type StoredDrill,
} from "../hosts/host-drills.ts";
import { SPOKEN_PROTOCOL } from "../hosts/hosts.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { optionalReasonColumn, storedReason, type StoredReason } from "../database/values/reason-columns.ts";
import { readColumns } from "../database/read-columns.ts";
import { VERSION } from "../../release/version.ts";

/** A host that says one of these works as well as any other; it only warns its operator. */
const WARNINGS = new Set([
  "no-live-restore",
  "no-kernel-log",
  "orphans",
  "starts-overdue",
  "storage-uncounted",
]);

interface HostNow {
  id: string;
  name: string;
  storage_pool: string;
  claimed_storage_pool: string | null;
  pool_state: PoolState;
  pool_failure: StoredReason | null;
  connection: HostConnection;
  cordoned: boolean;
  cordon_reason: string | null;
  /** What its drill is judged by; null where the policy wants none. */
  drill: { max_days: string; newest: StoredDrill | null; driver: string | null } | null;
  degraded: string[];
  protocol: ProtocolRange | null;
  agent_version: string | null;
  last_heartbeat_ms: number | null;
  has_reported: boolean;
  labels: Record<string, string> | null;
  images: string[] | null;
  features: string[];
  /** It takes workloads of one payer at a time. */
  is_kept_to_one_payer: boolean;
  total_cpu: number;
  total_memory: number;
  total_disk: number;
  held_cpu_milli: number;
  held_memory: number;
  held_disk: number;
}

interface GpuNow {
  host_id: string;
  uuid: string;
  gpu_index: number;
  name: string | null;
  memory_total: number | null;
  nvlink_island: number | null;
  cordoned: boolean;
  cordon_reason: string | null;
  health_status: string;
  /** What its host holds against it. */
  fault: CardFault | null;
  conflict_host_id: string | null;
  /** The first process on it that is in no live run of its host; null for none. */
  stranger: GpuStranger | null;
  use: GpuUse;
  held_share: number;
  held_memory_mib: number;
}

const HOST_COLUMNS = [
  "id",
  "name",
  "storage_pool",
  "claimed_storage_pool",
  "pool_state",
  "pool_failure",
  "connection",
  "cordoned",
  "cordon_reason",
  "drill",
  "degraded",
  "protocol",
  "agent_version",
  "last_heartbeat_ms",
  "has_reported",
  "labels",
  "images",
  "features",
  "is_kept_to_one_payer",
  "total_cpu",
  "total_memory",
  "total_disk",
] as const satisfies readonly (keyof HostNow)[];
const HOST_HELD = [
  "id",
  "held_cpu_milli",
  "held_memory",
  "held_disk",
] as const satisfies readonly (keyof HostNow)[];

const GPU_COLUMNS = [
  "host_id",
  "uuid",
  "gpu_index",
  "name",
  "memory_total",
  "nvlink_island",
  "cordoned",
  "cordon_reason",
  "health_status",
  "fault",
  "conflict_host_id",
  "stranger",
] as const satisfies readonly (keyof GpuNow)[];
const GPU_HELD = [
  "uuid",
  "use",
  "held_share",
  "held_memory_mib",
] as const satisfies readonly (keyof GpuNow)[];

/** By the setting; of the host `h` with its versions `v`. */
const DRILL = `CASE WHEN ${DRILL_POLICY} IS NOT NULL THEN jsonb_build_object('max_days', ${DRILL_POLICY},
    'newest', ${NEWEST_DRILL}, 'driver', ${DRIVER_VERSION}) END`;

/** Rows of the old system may name a moment that no number holds. */
const HEARD_AT_MS = `floor(extract(epoch FROM least(greatest(h.last_heartbeat, '0001-01-01Z'), '9999-12-31Z')) * 1000)::bigint`;

/** What is held of a card or of a host, by who holds something of it. */
const HELD_OF_CARDS = `SELECT x.gpu_uuid AS uuid, coalesce(max(x.mode), 'idle') AS use,
        sum(x.share_thousandths)::int AS held_share, sum(x.memory_mib)::int AS held_memory_mib
   FROM gpu_allocations x WHERE x.released_at IS NULL`;
const HELD_OF_HOSTS = `SELECT q.host_id AS id, sum(q.cpu_milli)::bigint AS held_cpu_milli,
        sum(q.memory_bytes)::bigint AS held_memory, sum(q.temp_storage_bytes)::bigint AS held_disk
   FROM placements q WHERE q.resources_released_at IS NULL`;

type HostHeld = Pick<HostNow, (typeof HOST_HELD)[number]>;
type GpuHeld = Pick<GpuNow, (typeof GPU_HELD)[number]>;

const OF_CARDS_OF_HOSTS = `x.gpu_uuid = ANY(ARRAY(SELECT g.uuid FROM gpus g WHERE g.host_id = ANY($1::text[])))`;
const NOTHING_OF_HOST = { held_cpu_milli: 0, held_memory: 0, held_disk: 0 };
const NOTHING_OF_CARD = { use: "idle", held_share: 0, held_memory_mib: 0 } as const;

/** All hosts of the fleet, or only those named; a host that never connected has no cards that anybody saw. */
export async function fleetSnapshot(
  sql: Connection,
  { now, onlyHostIds = null }: { now: Date; onlyHostIds?: readonly string[] | null },
): Promise<Fleet> {
  // Said in the statement, so that a kept plan of the one knows nothing of the other.
  const only = (column: string) => (onlyHostIds === null ? "true" : `${column} = ANY($1::text[])`);
  const values = onlyHostIds === null ? [] : [onlyHostIds];
  const hostsNow = readColumns<Omit<HostNow, (typeof HOST_HELD)[1 | 2 | 3]>>(sql, HOST_COLUMNS, {
    select: `SELECT h.id, h.name, coalesce(h.storage_pool, h.id) AS storage_pool,
            h.claimed_storage_pool, h.pool_state, ${optionalReasonColumn("h", "pool_failure")} AS pool_failure, h.connection, h.cordoned, h.cordon_reason, ${DRILL} AS drill, h.degraded, ${SPOKEN_PROTOCOL} AS protocol, h.agent_version, ${HEARD_AT_MS} AS last_heartbeat_ms,
            h.observed_digest IS NOT NULL AS has_reported, h.labels, i.images,
            h.features, ${isLimitedToOnePayer(`$${values.length + 1}::timestamptz`)} AS is_kept_to_one_payer, h.total_cpu, ${safeBigint("h.total_memory")} AS total_memory, ${safeBigint("h.total_disk")} AS total_disk
       FROM hosts h LEFT JOIN host_images i ON i.host_id = h.id
       LEFT JOIN host_versions v ON v.host_id = h.id LEFT JOIN host_cve_waivers w ON w.host_id = h.id
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND ${only("h.id")}`,
    values: [...values, now],
  });
  const gpusNow = readColumns<Omit<GpuNow, (typeof GPU_HELD)[1 | 2 | 3]>>(sql, GPU_COLUMNS, {
    select: `SELECT g.host_id, g.uuid, g.gpu_index, g.name, ${safeBigint("g.memory_total")} AS memory_total, g.nvlink_island,
            g.cordoned, g.cordon_reason, g.health_status, ${CARD_FAULT} AS fault, g.conflict_host_id, k.strangers -> 0 AS stranger
       FROM gpus g JOIN hosts h ON h.id = g.host_id AND h.connection <> 'never'
       LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid
      WHERE g.vanished_at IS NULL AND g.uuid IS NOT NULL AND ${only("g.host_id")}`,
    values,
  });
  // After them, so that nothing is thought free that was taken meanwhile; and each by itself, since how best to join sums
  // to what they are of is guessed wrong where tables have grown since somebody counted their rows.
  const heldOfHosts = readColumns<HostHeld>(sql, HOST_HELD, {
    select: `${HELD_OF_HOSTS} AND ${only("q.host_id")} GROUP BY q.host_id`,
    values,
  });
  const heldOfCards = readColumns<GpuHeld>(sql, GPU_HELD, {
    select: `${HELD_OF_CARDS} AND ${onlyHostIds === null ? "true" : OF_CARDS_OF_HOSTS} GROUP BY x.gpu_uuid`,
    values,
  });
  const [hosts, gpus, ofHosts, ofCards] = await Promise.all([hostsNow, gpusNow, heldOfHosts, heldOfCards]);
  // Of few fleets any: after the hosts, so that nobody is overlooked who came meanwhile.
  const storedIds = hosts.filter((host) => host.is_kept_to_one_payer).map(({ id }) => id);
  const payers = storedIds.length === 0 ? NOBODYS : await payersOnHosts(sql, storedIds);
  const hostsHeld = new Map(ofHosts.map((held) => [held.id, held]));
  const cardsHeld = new Map(ofCards.map((held) => [held.uuid, held]));
  const gpusOf = Map.groupBy(
    gpus.map((gpu): GpuNow => ({ ...gpu, ...(cardsHeld.get(gpu.uuid) ?? NOTHING_OF_CARD) })),
    (gpu) => gpu.host_id,
  );
  return {
    hosts: hosts
      .map((host): HostNow => ({ ...host, ...(hostsHeld.get(host.id) ?? NOTHING_OF_HOST) }))
      .map((host) => hostCapacity(host, { gpus: gpusOf.get(host.id) ?? [], payers, now })),
  };
}

const NOBODYS: ReadonlyMap<string, ReadonlyMap<number, number>> = new Map();

const OVERCOMMITTED: Reason = { code: "host-overcommitted", params: {} };

function hostCapacity(
  host: HostNow,
  { gpus, payers, now }: { gpus: GpuNow[]; payers: typeof NOBODYS; now: Date },
): HostCapacity {
  const freeCpuMilli = host.total_cpu * THOUSANDTHS - host.held_cpu_milli;
  const freeMemoryMib = Math.floor((host.total_memory - host.held_memory) / MIB);
  const freeTempStorageMib = Math.floor((host.total_disk - host.held_disk) / MIB);
  const holdsTooMuch = freeCpuMilli < 0 || freeMemoryMib < 0 || freeTempStorageMib < 0;
  return {
    id: host.id,
    name: host.name,
    storagePool: host.storage_pool,
    // A host that came back with less than it holds is no error of ours, but it gets nothing more.
    closed: closedHost(host, now) ?? (holdsTooMuch ? OVERCOMMITTED : null),
    ...undrilledHost(host, { gpus, now }),
    labels: labelsOf(host),
    images: host.images ?? [],
    features: host.features,
    totalCpuMilli: host.total_cpu * THOUSANDTHS,
    totalMemoryMib: Math.floor(host.total_memory / MIB),
    totalTempStorageMib: Math.floor(host.total_disk / MIB),
    freeCpuMilli: Math.max(0, freeCpuMilli),
    freeMemoryMib: Math.max(0, freeMemoryMib),
    freeTempStorageMib: Math.max(0, freeTempStorageMib),
    ...(host.is_kept_to_one_payer && { payers: payers.get(host.id) ?? new Map<number, number>() }),
    gpus: gpus.map(gpuCapacity),
  };
}

/** Without a prototype: an order may ask for a label called "constructor", which no host carries unasked. */
function labelsOf(host: HostNow): Record<string, string> {
  const labels = { ...host.labels };
  Object.setPrototypeOf(labels, null);
  return labels;
}

function undrilledHost(
  { drill, agent_version: version }: HostNow,
  { gpus, now }: { gpus: readonly GpuNow[]; now: Date },
): Pick<HostCapacity, "undrilled"> {
  if (drill === null) return {};
  const undrilled = drillObstacle(heldDrill(drill.newest), {
    host: { version, driver: drill.driver, gpus: gpus.map(({ uuid }) => uuid) },
    maxDays: Number(drill.max_days),
    nowMs: now.getTime(),
  });
  return undrilled === null ? {} : { undrilled };
}

function closedHost(host: HostNow, now: Date): Reason | null {
  if (host.cordoned)
    return host.cordon_reason === null
      ? { code: "host-cordoned", params: {} }
      : { code: "host-cordoned-with-note", params: { note: host.cordon_reason } };
  const silence = silenceOf(host, now);
  if (silence !== null) return silence;
  if (!host.has_reported) return { code: "host-without-report", params: {} };
  const faults = host.degraded.filter((flag) => !WARNINGS.has(flag));
  if (faults.length > 0) return { code: "host-degraded", params: { faults: { names: faults, more: 0 } } };
  const service = agentService(
    { protocol: host.protocol, version: host.agent_version },
    { protocol: PROTOCOL, version: VERSION },
  );
  if (service.mode !== "full") return service.why;
  // Whatever runs keeps files in its host's pool.
  return poolObstacle({
    pool: host.storage_pool,
    claim: host.claimed_storage_pool,
    state: host.pool_state,
    failure: storedReason(host.pool_failure),
    features: host.features,
  });
}

/** A restored database says "connected" of hosts that it has not heard since; nothing is ordered on its word. */
function silenceOf({ connection, last_heartbeat_ms: lastHeartbeatMs }: HostNow, now: Date): Reason | null {
  switch (connection) {
    case "never":
      return { code: "host-never-connected", params: {} };
    case "suspect":
      return { code: "host-suspect", params: {} };
    case "unreachable":
      return { code: "host-unreachable", params: {} };
    case "connected":
      return isHeardNow({ lastHeartbeatMs, nowMs: now.getTime() })
        ? null
        : { code: "host-not-heard", params: {} };
  }
}

function gpuCapacity(gpu: GpuNow): GpuCapacity {
  const memoryMib = Math.floor((gpu.memory_total ?? 0) / MIB);
  const isWhole = gpu.use === "exclusive";
  return {
    uuid: gpu.uuid,
    index: gpu.gpu_index,
    model: gpu.name ?? "unknown",
    island: gpu.nvlink_island,
    memoryMib,
    closed: closedGpu(gpu),
    use: gpu.use,
    freeShareThousandths: isWhole ? 0 : Math.max(0, THOUSANDTHS - gpu.held_share),
    freeMemoryMib: isWhole ? 0 : Math.max(0, memoryMib - gpu.held_memory_mib),
  };
}

function closedGpu(gpu: GpuNow): Reason | null {
  const params = { gpu_uuid: gpu.uuid };
  if (gpu.cordoned) return cordonedGpu(gpu);
  // An administrator may lift its cordon, but does not heal it.
  if (gpu.fault?.isSign === true)
    return { code: "gpu-suspect", params: { ...params, why: whyFaulty(gpu.fault) } };
  if (gpu.conflict_host_id !== null)
    return { code: "gpu-claimed-twice", params: { ...params, other_host_id: gpu.conflict_host_id } };
  if (gpu.health_status === "unhealthy")
    return gpu.fault?.reason == null
      ? { code: "gpu-unhealthy", params }
      : { code: "gpu-unhealthy-because", params: { ...params, why: whyFaulty(gpu.fault) } };
  return gpu.stranger === null ? null : strangerReason(gpu.uuid, gpu.stranger);
}

/** The host's own reason with its code; an administrator's is a note. */
function cordonedGpu({ uuid, cordon_reason: note, fault }: GpuNow): Reason {
  const params = { gpu_uuid: uuid };
  if (note === null) return { code: "gpu-cordoned", params };
  return fault !== null && fault.reason === note
    ? { code: "gpu-cordoned-because", params: { ...params, why: whyFaulty(fault) } }
    : { code: "gpu-cordoned-with-note", params: { ...params, note } };
}
