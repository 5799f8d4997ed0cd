/** Services with their replicas as they stand in the database: what each host told of them, and for how long that is so. */
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { InstanceProblem } from "@remotegpu/shared/instance/instance";
import type {
  HostConnection,
  InferenceServiceStatus,
  InstanceState,
} from "@remotegpu/shared/values/workload";
import { drainReason } from "../../../core/hosts/drain.ts";
import { type Drain, drainLimitMs } from "../../../core/inference/drain.ts";
import type { ExposureConfig } from "../../../core/inference/exposure.ts";
import type { Replica, ReplicaPlace } from "../../../core/inference/replica.ts";
import { pauseAfter, type ServiceState } from "../../../core/inference/replicas.ts";
import type { ReplicaFault } from "../../../core/inference/rollout/revision-replicas.ts";
import type { Versions } from "../../../core/inference/rollout/versions.ts";
import type { StopActor } from "../../../core/instances/instance-report.ts";
import type { Connection } from "../../database/database.ts";
import { type GatewayReport, gatewayReports } from "../../gateway/reports.ts";
import { FAULT_AT_END } from "../../hosts/gpus/card-fault.ts";
import { REPORTS_STREAMS } from "../../hosts/host-features.ts";
import { isExplainedByGpu } from "../../hosts/gpus/gpu-closures.ts";
import { namesOf, rolloutFaults, VERSIONS, type VersionsRow, versionsOf } from "../rollouts.ts";
import { isOfService } from "../service-instances.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { storedReasonColumn, type StoredReason, storedReason } from "../../database/values/reason-columns.ts";

export interface ServiceSnapshot {
  id: string;
  reason: Reason | null;
  state: ServiceState;
  versions: Versions;
  /** In the order of their ranks; those that it does without already only while they hold something. */
  replicas: Replica[];
  /** The faults of replicas of the rollout's target that are done without since it began. */
  faults: ReplicaFault[];
  /** Null where it is on its way to no other version. */
  rolloutBeganAt: Date | null;
  /** What people call its revisions. */
  names: Map<number, string>;
}

interface ServiceRow extends VersionsRow {
  id: string;
  status: InferenceServiceStatus;
  status_reason: StoredReason;
  replicas: number;
  replica_failures: number;
  replace_after: Date | null;
  config: ExposureConfig | null;
}

interface ReplicaRow {
  service_id: string;
  instance_id: InstanceId;
  rank: number;
  revision: number | null;
  lacks: StoredReason;
  given_up: StoredReason;
  is_dismissed: boolean;
  draining_since: Date | null;
  draining_why: StoredReason;
  drain_announced_at: Date | null;
  open_streams: number | null;
  tells_streams: boolean;
  /** Null while it waits for a place. */
  host_name: string | null;
  connection: HostConnection;
  last_heartbeat: Date | null;
  state: InstanceState;
  is_ordered: boolean;
  serving: ReplicaPlace["serving"];
  serving_since: Date | null;
  has_served: boolean;
  problem: InstanceProblem | null;
  detail: StoredReason;
  is_gpu_fault: boolean;
  ordered_by: StopActor | null;
  stop_reason: StoredReason;
  is_behind: boolean;
  is_held: boolean;
  placed_at: Date;
  container_since: Date | null;
  /** Null where there were none, and of one that has served. */
  early_ends: number | null;
  state_changed_at: Date;
  is_emptied: boolean;
  drain_reason: string | null;
}

/** It was ordered here: what came from the old system is left as it is. */
const IS_OURS = "EXISTS (SELECT FROM service_revisions v WHERE v.service_id = s.id)";
const HAS_REPLICAS = `EXISTS (SELECT FROM instances i
    WHERE ${isOfService("i", "s.id")} AND i.dismissed_at IS NULL)`;

/** Those that may call for something, in the order of their ids; a page begins after the last of the one before. */
export async function serviceSnapshots(
  sql: Connection,
  { after, limit, now }: { after: string | null; limit: number; now: Date },
): Promise<ServiceSnapshot[]> {
  const { rows } = await sql.query<ServiceRow>(
    `${SERVICES} AND ($1::text IS NULL OR s.id > $1) AND (s.status IN ('creating', 'running', 'stopping') OR ${HAS_REPLICAS})
      ORDER BY s.id LIMIT $2`,
    [after, limit],
  );
  return await withReplicas(sql, rows, now);
}

/** One that the caller holds; null where it is deleted. */
export async function serviceSnapshot(
  sql: Connection,
  id: string,
  now: Date,
): Promise<ServiceSnapshot | null> {
  const { rows } = await sql.query<ServiceRow>(`${SERVICES} AND s.id = $1`, [id]);
  return (await withReplicas(sql, rows, now))[0] ?? null;
}

const SERVICES = `SELECT s.id, s.status, ${storedReasonColumn("s", "status_reason")} AS status_reason, coalesce(s.replicas, 0) AS replicas, s.replica_failures,
    s.replace_after, s.config, ${VERSIONS} FROM inference_services s WHERE s.deleted_at IS NULL AND ${IS_OURS}`;

/** SQL: the run of the placement `p` was reported to serve at some time. */
const HAS_SERVED = "EXISTS (SELECT FROM run_readiness y WHERE y.run_id = p.run_id)";

/**
 * SQL: the placement `p` of the instance `i` ended for a fault of a GPU: its host ended it for that, or it ended by itself on
 * a GPU that had failed or showed a sign of failure. Not where its workload's GPUs fail on host after host.
 */
const IS_GPU_FAULT = `CASE WHEN p.state <> 'failed' THEN false
    WHEN p.problem IN ('gpu-missing', 'gpu-failed') OR p.problem IN ('exited', 'probe-failed') AND ${FAULT_AT_END} IS NOT NULL
      THEN ${isExplainedByGpu("i.workload_id", "$2")} ELSE false END`;

async function withReplicas(
  sql: Connection,
  services: readonly ServiceRow[],
  now: Date,
): Promise<ServiceSnapshot[]> {
  if (services.length === 0) return [];
  const { rows } = await sql.query<ReplicaRow>(
    `SELECT i.workload_id AS service_id, i.id AS instance_id, i.rank, i.revision, ${storedReasonColumn("i", "lacks")} AS lacks,
            ${storedReasonColumn("i", "given_up")} AS given_up, i.dismissed_at IS NOT NULL AS is_dismissed,
            i.draining_since, ${storedReasonColumn("i", "draining_why")} AS draining_why, i.drain_announced_at, p.open_streams, ${REPORTS_STREAMS} AS tells_streams, h.name AS host_name,
            h.connection, h.last_heartbeat, p.state, p.want = 'running' AS is_ordered, p.serving, p.serving_since,
            p.problem, ${storedReasonColumn("p", "detail")} AS detail, coalesce(${IS_GPU_FAULT}, false) AS is_gpu_fault,
            CASE WHEN p.state IN ('stopped', 'failed', 'lost') THEN p.ended_by ELSE p.ordered_by END AS ordered_by,
            ${storedReasonColumn("p", "stop_reason")} AS stop_reason, i.known_epoch > p.epoch AND p.state = 'failed' AS is_behind,
            p.resources_released_at IS NULL AS is_held, p.created_at AS placed_at, p.container_since, p.state_changed_at,
            ${HAS_SERVED} AS has_served,
            (SELECT k.count FROM run_restarts k WHERE k.run_id = p.run_id AND NOT ${HAS_SERVED}) AS early_ends,
            d.host_id IS NOT NULL AS is_emptied, d.reason AS drain_reason
       FROM instances i LEFT JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
       LEFT JOIN hosts h ON h.id = p.host_id LEFT JOIN host_drains d ON d.host_id = h.id
      WHERE i.workload_kind = 'inference' AND i.workload_id = ANY($1::text[])
        AND (i.dismissed_at IS NULL OR p.resources_released_at IS NULL AND p.instance_id IS NOT NULL)
      ORDER BY i.workload_id, i.rank`,
    [services.map(({ id }) => id), now],
  );
  const ofEach = Map.groupBy(rows, ({ service_id: id }) => id);
  const drained = rows.flatMap((row) => (row.draining_since === null ? [] : [row.service_id]));
  const reports = drained.length === 0 ? [] : await gatewayReports(sql, [...new Set(drained)], now);
  const rolling = services.filter(({ rollout }) => rollout !== null);
  const faults = await rolloutFaults(
    sql,
    rolling.map(({ id }) => id),
  );
  return services.map((service) => ({
    id: service.id,
    reason: storedReason(service.status_reason),
    state: {
      status: service.status,
      wanted: service.replicas,
      failures: service.replica_failures,
      failedForMs: failedForMs(service, now),
      pauseMs: Math.max(0, (service.replace_after?.getTime() ?? 0) - now.getTime()),
      drainMs: drainLimitMs(service.config),
    },
    versions: versionsOf(service),
    replicas: (ofEach.get(service.id) ?? []).map((row) => replicaOf(row, service, { reports, now })),
    faults: faults.get(service.id) ?? [],
    rolloutBeganAt: service.rollout === null ? null : new Date(service.rollout.began_at),
    names: namesOf(service),
  }));
}

/** The pause that was written with the last failure began with it. */
function failedForMs(
  { replica_failures: failures, replace_after: until }: ServiceRow,
  now: Date,
): number | null {
  if (until === null || failures === 0) return null;
  return now.getTime() - until.getTime() + pauseAfter(failures);
}

interface Reported {
  reports: readonly GatewayReport[];
  now: Date;
}

function replicaOf(row: ReplicaRow, service: ServiceRow, reported: Reported): Replica {
  const { rank, revision, is_dismissed: isDismissed, host_name: hostName } = row;
  return {
    rank,
    revision: revision ?? service.serving_revision,
    isDismissed,
    drain: isDismissed ? null : drainOf(row, reported),
    lacks: storedReason(row.lacks),
    givenUp: storedReason(row.given_up),
    place: hostName === null ? null : placeOf(row, hostName, reported.now),
  };
}

function drainOf(row: ReplicaRow, { reports, now }: Reported): Drain | null {
  const { service_id: serviceId, instance_id: instanceId, draining_since: since } = row;
  const why = storedReason(row.draining_why);
  if (since === null || why === null) return null;
  return {
    why,
    forMs: Math.max(0, now.getTime() - since.getTime()),
    announcedAt: row.drain_announced_at,
    gateways: reports.map(({ reported }) => ({
      followsAsOf: reported?.asOf ?? null,
      open: reported?.services[serviceId]?.left[instanceId] ?? 0,
    })),
    streams: row.tells_streams ? (row.open_streams ?? "not-told") : "cannot-tell",
  };
}

function placeOf(row: ReplicaRow, hostName: string, now: Date): ReplicaPlace {
  const since = (at: Date | null) => (at === null ? 0 : Math.max(0, now.getTime() - at.getTime()));
  return {
    hostName,
    state: row.state,
    isOrdered: row.is_ordered,
    serving: row.serving,
    servingForMs: since(row.serving_since),
    hasServed: row.has_served,
    problem: row.problem,
    detail: storedReason(row.detail),
    isGpuFault: row.is_gpu_fault,
    stopOrderedBy: row.ordered_by,
    stopReason: storedReason(row.stop_reason),
    isBehind: row.is_behind,
    isHeld: row.is_held,
    placedForMs: since(row.placed_at),
    containerForMs: row.container_since === null ? null : since(row.container_since),
    earlyEnds: row.early_ends ?? 0,
    stateForMs: since(row.state_changed_at),
    silentForMs: row.connection === "unreachable" ? since(row.last_heartbeat) : 0,
    emptied: row.is_emptied ? drainReason(hostName, row.drain_reason) : null,
  };
}
