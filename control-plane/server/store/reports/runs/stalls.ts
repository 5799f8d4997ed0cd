/** What hosts tell of containers that do nothing: taken over with their reports, read for the rules, and told to people. */
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { WaitingProcesses } from "@remotegpu/shared/instance/progress";
import { stallMessage, stallEndMessage } from "../../../core/alerts/job-messages.ts";
import type { WorkMessage } from "../../../core/alerts/work-messages.ts";
import type { InstanceProgress } from "../../../core/instances/instance-report.ts";
import type { WorkloadStatus } from "../../../core/workloads/kinds.ts";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";
import type { LockedWorkload } from "../../../core/workloads/workload-move.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { appendEvents } from "../../events/events.ts";
import { queueWorkMessages } from "../../events/message-outbox.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { inEnglish } from "../../../core/reasons/english/english.ts";

/** In the time of this side. Whether it is idle is as it was told last; whether it is frozen, as it is told now. */
export async function noteProgress(
  sql: Connection,
  { hostId, observed, now }: { hostId: string; observed: readonly ObservedInstance[]; now: Date },
): Promise<void> {
  const reported = observed.map(({ instanceId, placementEpoch, runId, idleness, isFrozen }) => ({
    instanceId,
    placementEpoch,
    runId,
    isIdle: idleness?.isIdle ?? null,
    processes: idleness?.isIdle === true ? idleness.processes : null,
    isFrozen: isFrozen ?? false,
  }));
  if (reported.length === 0) return;
  await sql.change(
    `UPDATE placements p
        SET idle_since = CASE WHEN v."isIdle" THEN coalesce(p.idle_since, $3) WHEN v."isIdle" IS NULL THEN p.idle_since END,
            idle_processes = CASE WHEN v."isIdle" THEN v.processes WHEN v."isIdle" IS NULL THEN p.idle_processes END,
            frozen_since = CASE WHEN v."isFrozen" THEN coalesce(p.frozen_since, $3) END
       FROM jsonb_to_recordset($2::jsonb) AS v("instanceId" text, "placementEpoch" int, "runId" text, "isIdle" boolean,
              processes jsonb, "isFrozen" boolean)
      WHERE p.instance_id = v."instanceId" AND p.epoch = v."placementEpoch" AND p.run_id = v."runId" AND p.host_id = $1
        AND ((p.idle_since IS NOT NULL) IS DISTINCT FROM coalesce(v."isIdle", p.idle_since IS NOT NULL)
          OR (p.frozen_since IS NOT NULL) IS DISTINCT FROM v."isFrozen")`,
    [hostId, JSON.stringify(reported), now],
  );
}

/** Moments are texts. */
export interface ProgressRow {
  idle_processes: WaitingProcesses[] | null;
  frozen_since: string | null;
  stall: InstanceProgress["stall"];
}

/** SQL: a ProgressRow of the placement `p`. */
export const PROGRESS = `CASE WHEN p.idle_since IS NOT NULL OR p.frozen_since IS NOT NULL OR p.stall IS NOT NULL
  THEN jsonb_build_object('idle_processes', p.idle_processes, 'frozen_since', p.frozen_since, 'stall', p.stall) END`;

export function progressOf(
  row: ProgressRow,
  { host_name: hostName }: { host_name: string },
  now: Date,
): InstanceProgress {
  const { idle_processes: idle, frozen_since: frozenSince, stall } = row;
  const frozenForMs = frozenSince === null ? null : now.getTime() - new Date(frozenSince).getTime();
  return { idle, frozenForMs, stall, hostName };
}

interface Reported {
  kind: WorkloadName["kind"];
  workload: LockedWorkload<WorkloadStatus>;
  now: Date;
}

/** @param reported.found with what its processes wait for */
export async function notifyStall(
  sql: Transaction,
  reported: Reported & { found: Reason; ends: boolean },
): Promise<void> {
  await markStall(sql, reported, reported.ends ? "ended" : "reported");
  await notify(sql, reported, {
    event: "stalled",
    reason: reported.found,
    message: stallMessage(inEnglish(reported.found), attemptOf(reported)),
  });
}

export async function notifyStallEnd(sql: Transaction, reported: Reported): Promise<void> {
  await markStall(sql, reported, null);
  const messages = stallEndMessage(attemptOf(reported));
  await notify(sql, reported, {
    event: "going-on",
    reason: { code: "job-goes-on", params: {} },
    message: messages,
  });
}

function attemptOf({ workload }: Reported): number {
  return workload.retry?.tries.attempt ?? 1;
}

async function markStall(
  sql: Transaction,
  { kind, workload }: Pick<Reported, "kind" | "workload">,
  stall: InstanceProgress["stall"],
): Promise<void> {
  await sql.change(
    `UPDATE placements p SET stall = $3 FROM instances i
      WHERE i.id = p.instance_id AND i.current_epoch = p.epoch AND i.workload_kind = $1 AND i.workload_id = $2
        AND p.stall IS DISTINCT FROM $3`,
    [kind, workload.id, stall],
  );
}

async function notify(
  sql: Transaction,
  { kind, workload, now }: Reported,
  {
    event,
    reason,
    message: messages,
  }: { event: "stalled" | "going-on"; reason: Reason; message: WorkMessage },
): Promise<void> {
  const { id, customerId } = workload;
  const reported = {
    at: now,
    kind: event,
    workloadKind: kind,
    workloadId: id,
    customerId,
    new: event,
    reason,
  };
  const [eventId = 0] = await appendEvents(sql, [{ ...reported, actor: "control-plane" }]);
  await queueWorkMessages(sql, [{ workload: { kind, id }, eventId, at: now, message: messages }]);
}
