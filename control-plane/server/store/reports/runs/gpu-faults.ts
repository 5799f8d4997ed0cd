/**
 * Errors that programs of runs made on GPUs, taken over from their hosts' reports: each once, with an event for the
 * workload's people. A host speaks for the runs that were placed on it.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { reportedReason } from "../../../core/reasons/host-report.ts";
import {
  reasonData,
  storedReasonColumn,
  storedReason,
  type StoredReason,
} from "../../database/values/reason-columns.ts";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../../database/database.ts";
import { appendInstanceEvent } from "../../events/events.ts";

/** The faults of one run; further ones are not taken. */
export const MOST_FAULTS_OF_RUN = 100;
/** The kind of an event that tells one. */
const GPU_FAULT_EVENT = "gpu-fault";

interface NewFault {
  run_id: string;
  instance_id: string;
  code: string;
  reason: StoredReason;
}

/** Most reports tell of none. */
export async function noteGpuFaults(
  sql: Connection,
  { hostId, observed, now }: { hostId: string; observed: readonly ObservedInstance[]; now: Date },
): Promise<void> {
  const faulty = observed.filter(({ gpuFaults = [] }) => gpuFaults.length > 0);
  if (faulty.length === 0) return;
  const { rows } = await sql.change<NewFault>(
    `WITH told AS (
       SELECT DISTINCT ON (r.id, v."bootId", f.seq) r.id AS run_id, r.instance_id, v."bootId" AS boot_id, f.seq, f.code,
              f.reason, f."reasonCode" AS reason_code, f."reasonParams" AS reason_params
         FROM jsonb_to_recordset($2::jsonb) AS v("runId" text, "instanceId" text, "placementEpoch" int, "bootId" uuid,
                "gpuFaults" jsonb)
         JOIN runs r ON r.id = v."runId" AND r.host_id = $1 AND r.instance_id = v."instanceId"
          AND r.epoch = v."placementEpoch"
        CROSS JOIN jsonb_to_recordset(v."gpuFaults") AS f(seq bigint, code text, reason text, "reasonCode" text, "reasonParams" jsonb)
        WHERE (SELECT count(*) FROM run_gpu_faults k WHERE k.run_id = r.id) < $4
        ORDER BY r.id, v."bootId", f.seq),
     noted AS (
       INSERT INTO run_gpu_faults (run_id, boot_id, seq, reported_at, code, reason, reason_code, reason_params)
       SELECT run_id, boot_id, seq, $3, code, reason, reason_code, reason_params FROM told
       ON CONFLICT (run_id, boot_id, seq) DO NOTHING
       RETURNING run_id, boot_id, seq)
     SELECT t.run_id, t.instance_id, t.code, ${storedReasonColumn("t", "reason")} AS reason FROM noted n JOIN told t USING (run_id, boot_id, seq)
      ORDER BY t.run_id, t.seq`,
    [hostId, JSON.stringify(faulty.map(withCodes)), now, MOST_FAULTS_OF_RUN],
  );
  for (const { instance_id: instanceId, code, reason } of rows)
    await appendInstanceEvent(sql, {
      at: now,
      kind: GPU_FAULT_EVENT,
      instanceId,
      hostId,
      actor: `host ${hostId}`,
      old: null,
      new: code,
      reason: storedReason(reason),
    });
}

/** Each of its faults as the columns have its reason. */
function withCodes({ gpuFaults = [], ...seen }: ObservedInstance) {
  const faults = gpuFaults.map(({ why, ...fault }) => ({ ...fault, ...codeOf(fault.reason, why) }));
  return { ...seen, gpuFaults: faults };
}

function codeOf(text: string, why: HostReason | undefined) {
  const { code: reasonCode, params: reasonParams } = reasonData(reportedReason(text, why));
  return { reasonCode, reasonParams };
}

export interface GpuFaultRow {
  reported_at: Date;
  code: string;
  reason: string;
  reason_code: string | null;
  reason_params: Record<string, unknown> | null;
  rank: number;
}

/** Of the runs that a workload's instances have or had last; the newest first. */
export async function gpuFaultsOf(
  sql: Connection,
  workload: { kind: WorkloadKind; id: string },
  limit: number,
): Promise<GpuFaultRow[]> {
  const { rows } = await sql.query<GpuFaultRow>(
    `SELECT f.reported_at, f.code, f.reason, f.reason_code, f.reason_params, i.rank
       FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
       JOIN run_gpu_faults f ON f.run_id = p.run_id
      WHERE i.workload_kind = $1 AND i.workload_id = $2 ORDER BY f.reported_at DESC, f.seq DESC LIMIT $3`,
    [workload.kind, workload.id, limit],
  );
  return rows;
}
