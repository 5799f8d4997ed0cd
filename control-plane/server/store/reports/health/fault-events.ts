/**
 * What befalls a card is told to whoever has something on it: an event of each workload, beside those of the host. A reading
 * that flaps from one fault to another does not fill their lists.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { type CardFault, gravityOf } from "../../../core/hosts/card-fault.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { appendEvents } from "../../events/events.ts";

/** The kind of an event of a workload that tells of a fault of its card. */
const GPU_UNHEALTHY_EVENT = "gpu-unhealthy";

/** Between events of one card's faults that are as grave as each other. */
const EVENT_PAUSE_MS = 10 * MS_PER_MINUTE;

/** Slices of a card are held by several. What was released, or was never this host's, hears nothing. */
export async function notifyHolders(
  sql: Transaction,
  { hostId, fault, reason, now }: { hostId: string; fault: CardFault; reason: Reason; now: Date },
): Promise<void> {
  const { rows } = await sql.query<{ id: string; workload_kind: WorkloadKind; workload_id: string }>(
    `SELECT i.id, i.workload_kind, i.workload_id FROM gpu_allocations a
       JOIN placements p ON p.instance_id = a.instance_id AND p.epoch = a.epoch AND p.host_id = $2
       JOIN instances i ON i.id = a.instance_id
      WHERE a.gpu_uuid = $1 AND a.released_at IS NULL ORDER BY a.slot`,
    [fault.uuid, hostId],
  );
  if (rows.length === 0 || !(await isDue(sql, { fault, now }))) return;
  await appendEvents(
    sql,
    rows.map((row) => ({
      at: now,
      kind: GPU_UNHEALTHY_EVENT,
      workloadKind: row.workload_kind,
      workloadId: row.workload_id,
      instanceId: row.id,
      hostId,
      gpuUuid: fault.uuid,
      actor: `host ${hostId}`,
      old: null,
      new: fault.code ?? (fault.isFatal ? "fatal" : "drain"),
      reason,
    })),
  );
}

/** Notes the event where it is due. */
async function isDue(sql: Connection, { fault, now }: { fault: CardFault; now: Date }): Promise<boolean> {
  const { rows } = await sql.change(
    `INSERT INTO gpu_fault_events AS f (gpu_uuid, gravity, reported_at) VALUES ($1, $2, $3)
     ON CONFLICT (gpu_uuid, gravity) DO UPDATE SET reported_at = EXCLUDED.reported_at WHERE f.reported_at <= $4
     RETURNING gpu_uuid`,
    [fault.uuid, gravityOf(fault), now, new Date(now.getTime() - EVENT_PAUSE_MS)],
  );
  return rows.length > 0;
}
