/**
 * What a host's report makes of one placement and of the workload behind it. Absence means nothing but the end of a
 * removal that was ordered and applied.
 */
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import { isOver, type StopActor } from "../../core/instances/instance-report.ts";
import { closeUnbegunRun, waiveRunsOf } from "../billing/runs/runs.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendInstanceEvent, INSTANCE_EVENT } from "../events/events.ts";
import type { EnvironmentRow } from "../environments/environments.ts";
import { faultAtEnd } from "../hosts/gpus/card-fault.ts";
import { type PlacedReport, settleWorkload } from "./workload-reports.ts";
import { releasePlacement } from "../workloads/instances/release.ts";
import { reportedReason } from "../../core/reasons/host-report.ts";
import {
  reasonColumns,
  type ReasonColumns,
  storedReasonColumn,
  type StoredReason,
  storedReason,
} from "../database/values/reason-columns.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import { asReported } from "../../core/reasons/reason.ts";

export interface LivePlacement {
  instance_id: string;
  epoch: number;
  run_id: string;
  want: "running" | "stopped" | "removed";
  ordered_by: StopActor | null;
  stop_reason: StoredReason;
  state: InstanceState;
  detail: string | null;
  /** Null where the detail came as a text. */
  detail_code: string | null;
  problem: string | null;
  container_id: string | null;
  exit_code: number | null;
  is_current: boolean;
  /** The state of its instance. */
  instance_state: InstanceState;
  environment_id: string | null;
  /** Pools that its workload's starts passed over are remembered. */
  has_skips: boolean;
}

export interface ReportingHost {
  id: string;
  name: string;
  storage_pool: string;
  has_applied_all: boolean;
  /** It is emptied until then. */
  drain_deadline_at: Date | null;
  drain_reason: string | null;
  /** It has shown that the database was restored, and this is its first report since. */
  is_restored: boolean;
}

/** The placements that the host still has to know of, held to the end of the transaction. */
export async function livePlacements(sql: Transaction, hostId: string): Promise<LivePlacement[]> {
  const { rows } = await sql.query<LivePlacement>(
    `SELECT p.instance_id, p.epoch, p.run_id, p.want, p.ordered_by, ${storedReasonColumn("p", "stop_reason")} AS stop_reason, p.state, p.detail, p.detail_code, p.problem,
            p.container_id, p.exit_code, p.epoch = i.current_epoch AS is_current, i.state AS instance_state,
            CASE i.workload_kind WHEN 'environment' THEN i.workload_id END AS environment_id,
            EXISTS (SELECT FROM placement_host_skips s
                     WHERE s.workload_kind = i.workload_kind AND s.workload_id = i.workload_id)
            OR EXISTS (SELECT FROM placement_skips s
                     WHERE s.workload_kind = i.workload_kind AND s.workload_id = i.workload_id) AS has_skips
       FROM placements p JOIN instances i ON i.id = p.instance_id
      WHERE p.host_id = $1 AND p.gone_at IS NULL ORDER BY p.instance_id, p.epoch FOR NO KEY UPDATE OF p`,
    [hostId],
  );
  return rows;
}

interface Merge {
  host: ReportingHost;
  placement: LivePlacement;
  observed: readonly ObservedInstance[];
  now: Date;
}

/** True when the host's desired set changed. */
export async function mergePlacement(
  sql: Transaction,
  merge: Merge,
  environments: ReadonlyMap<string, EnvironmentRow>,
): Promise<boolean> {
  const { host, placement, now } = merge;
  const ofPlacement = merge.observed.filter(
    (seen) => seen.instanceId === placement.instance_id && seen.placementEpoch === placement.epoch,
  );
  if (ofPlacement.length === 0) return await mergeAbsence(sql, merge);
  await waiveEnded(sql, merge, ofPlacement);
  // The run before a restart may still be reported; only the run that is wanted now speaks for the placement.
  const seen = ofPlacement.find((one) => one.runId === placement.run_id);
  if (seen === undefined) return false;
  // A stop that overtook a restart: while the run before it goes on, nothing of the placement is free.
  if (isOver(seen.phase) && ofPlacement.some(({ phase }) => !isOver(phase))) return false;
  await notePlacement(sql, merge, seen);

  const environment =
    placement.environment_id === null ? undefined : environments.get(placement.environment_id);
  if (environment !== undefined && placement.is_current)
    await applyReport(sql, { environment, host, placement, seen, now });
  if (!isOver(seen.phase)) return false;
  await releasePlacement(sql, { instanceId: placement.instance_id, epoch: placement.epoch, now });
  if (placement.want === "removed") return false;
  await orderRemoval(sql, placement);
  return true;
}

/** What a host calls over costs nothing more, whatever its journal claims afterwards and whether its last row comes. */
async function waiveEnded(
  sql: Transaction,
  { placement, now }: Merge,
  reported: readonly ObservedInstance[],
): Promise<void> {
  const runIds = reported.filter(({ phase }) => isOver(phase)).map(({ runId }) => runId);
  if (runIds.length === 0) return;
  await waiveRunsOf(sql, {
    instanceId: placement.instance_id,
    epoch: placement.epoch,
    runIds,
    from: now,
    reason: "host-stop: its host called it over",
  });
}

/** The host has applied the removal and its whole report lacks it: gone. Before that, absence says nothing. */
async function mergeAbsence(sql: Transaction, { host, placement, now }: Merge): Promise<boolean> {
  if (placement.want !== "removed" || !host.has_applied_all) return false;
  await releasePlacement(sql, { instanceId: placement.instance_id, epoch: placement.epoch, now });
  await sql.change(
    `UPDATE placements SET gone_at = $3, container_id = NULL,
            state = CASE WHEN state IN ('failed', 'lost') THEN state ELSE 'stopped' END
      WHERE instance_id = $1 AND epoch = $2`,
    [placement.instance_id, placement.epoch, now],
  );
  await waiveRunsOf(sql, {
    instanceId: placement.instance_id,
    epoch: placement.epoch,
    runIds: "all",
    from: now,
    reason: "host-stop: nothing of it is left on its host",
  });
  await closeUnbegunRun(sql, placement.run_id, now);
  if (!ENDED_STATES.includes(placement.state))
    await appendInstanceEvent(sql, {
      at: now,
      kind: INSTANCE_EVENT,
      instanceId: placement.instance_id,
      hostId: host.id,
      actor: `host ${host.id}`,
      old: placement.state,
      new: "stopped",
      reason: reasonOf("run-left-nothing"),
    });
  if (placement.is_current && placement.state !== "failed")
    await sql.change("UPDATE instances SET state = 'stopped' WHERE id = $1", [placement.instance_id]);
  return false;
}

const ENDED_STATES: readonly InstanceState[] = ["stopped", "failed", "lost"];

/** Most reports tell of most placements what is written there already. */
async function notePlacement(sql: Transaction, merge: Merge, seen: ObservedInstance): Promise<void> {
  const { placement } = merge;
  await Promise.all([
    placement.state === seen.phase && !hasLostOrRegainedGpus(placement, seen)
      ? null
      : reportState(sql, merge, seen),
    isKnown(placement, seen) ? null : writeState(sql, merge, seen),
    placement.is_current && placement.instance_state !== seen.phase
      ? sql.change("UPDATE instances SET state = $2 WHERE id = $1 AND state <> $2", [
          placement.instance_id,
          seen.phase,
        ])
      : null,
  ]);
}

/** It goes on without its GPUs, which its host reports as this problem of a run that is ready; or has them again. */
function hasLostOrRegainedGpus(placement: LivePlacement, seen: ObservedInstance): boolean {
  return (placement.problem === "gpu-failed") !== (seen.problem === "gpu-failed");
}

function isKnown(placement: LivePlacement, seen: ObservedInstance): boolean {
  return (
    placement.state === seen.phase &&
    placement.detail === seen.detail &&
    placement.detail_code === detailColumns(seen).code &&
    placement.problem === seen.problem &&
    placement.container_id === seen.containerId &&
    placement.exit_code === seen.exitCode
  );
}

function detailColumns({ detail, reason }: ObservedInstance): ReasonColumns {
  return reasonColumns(reportedReason(detail, reason));
}

async function reportState(
  sql: Transaction,
  { host, placement, now }: Merge,
  seen: ObservedInstance,
): Promise<void> {
  await appendInstanceEvent(sql, {
    at: now,
    kind: INSTANCE_EVENT,
    instanceId: placement.instance_id,
    hostId: host.id,
    actor: `host ${host.id}`,
    old: placement.state,
    new: seen.phase,
    reason: seen.detail === "" ? asReported(seen.problem) : reportedReason(seen.detail, seen.reason),
  });
}

async function writeState(
  sql: Transaction,
  { placement, now }: Merge,
  seen: ObservedInstance,
): Promise<void> {
  const { code, params } = detailColumns(seen);
  await sql.change(
    `UPDATE placements SET state = $3::text, detail = $4, detail_code = $10, detail_params = $11, problem = $5, container_id = $6::text, exit_code = $7,
            ended_by = CASE WHEN $9::boolean AND state NOT IN ('stopped', 'failed', 'lost') THEN ordered_by ELSE ended_by END,
            state_changed_at = CASE WHEN state = $3::text THEN state_changed_at ELSE $8::timestamptz END,
            container_since = CASE WHEN $6::text IS NULL THEN container_since ELSE coalesce(container_since, $8::timestamptz) END
      WHERE instance_id = $1 AND epoch = $2`,
    [
      placement.instance_id,
      placement.epoch,
      seen.phase,
      seen.detail,
      seen.problem,
      seen.containerId,
      seen.exitCode,
      now,
      isOver(seen.phase),
      code,
      params,
    ],
  );
}

interface Reported {
  environment: EnvironmentRow;
  host: ReportingHost;
  placement: LivePlacement;
  seen: ObservedInstance;
  now: Date;
}

async function applyReport(sql: Transaction, reported: Reported): Promise<void> {
  const { environment, host, placement, seen, now } = reported;
  const { id, status, customer_id: customerId, status_deadline_at: deadlineAt } = environment;
  const named = { instanceId: placement.instance_id, epoch: placement.epoch };
  const cardFault = isOver(seen.phase) ? await faultAtEnd(sql, named) : null;
  await settleWorkload(sql, {
    kind: "environment",
    workload: { id, status, customerId, deadlineAt },
    reports: [{ ...placedReport(reported), ...(cardFault !== null && { cardFault }) }],
    actor: `host ${host.id}`,
    now,
    reported: environment.status_reason,
    hasSkips: placement.has_skips,
  });
  if (seen.phase !== "ready") return;
  // One that was taken back in the moment in which it began waits for another place: this container is going.
  const containerId = status === "queued" ? null : seen.containerId;
  if (environment.container_id === containerId && environment.storage_pool !== null) return;
  // The files are where it first ran, and from then on it runs only there.
  await sql.change(
    `UPDATE environments SET container_id = $2, storage_pool = coalesce(storage_pool, $3)
      WHERE id = $1 AND (container_id IS DISTINCT FROM $2 OR storage_pool IS NULL)`,
    [id, containerId, host.storage_pool],
  );
}

function placedReport({ host, placement, seen }: Reported): PlacedReport {
  return {
    rank: 0,
    runId: placement.run_id,
    state: seen.phase,
    problem: seen.problem,
    detail: seen.detail === "" ? null : reportedReason(seen.detail, seen.reason),
    exitCode: seen.exitCode,
    stopOrderedBy: placement.ordered_by,
    stopReason: storedReason(placement.stop_reason),
    isBehind: (seen.knownEpoch ?? 0) > placement.epoch,
    hostId: host.id,
    hostName: host.name,
    storagePool: host.storage_pool,
    drain: host.drain_deadline_at && { deadline: host.drain_deadline_at, reason: host.drain_reason },
  };
}

async function orderRemoval(sql: Connection, placement: LivePlacement): Promise<void> {
  await sql.change(
    `UPDATE placements SET want = 'removed', ordered_by = coalesce(ordered_by, 'control-plane')
      WHERE instance_id = $1 AND epoch = $2`,
    [placement.instance_id, placement.epoch],
  );
}
