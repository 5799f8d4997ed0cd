/** What befalls a card is told to whoever has something on it: an event of each workload, beside those of the host. */
import type { WorkloadKind } from "@remotegpu/shared/workload";
import type { CardFault } from "../../../core/hosts/card-fault.ts";
import type { Transaction } from "../../database/database.ts";
import { appendEvents } from "../../events/events.ts";

/** The kind of an event of a workload that tells of a fault of its card. */
const GPU_UNHEALTHY_EVENT = "gpu-unhealthy";

/** Slices of a card are held by several. What was released, or was never this host's, hears nothing. */
export async function tellHolders(
  sql: Transaction,
  { hostId, fault, sentence, now }: { hostId: string; fault: CardFault; sentence: string; now: Date },
): Promise<void> {
  const { rows } = await sql.query<{ id: string; workload_kind: WorkloadKind; workload_id: string }>(
    `SELECT i.id, i.workload_kind, i.workload_id FROM gpu_allocations a
       JOIN placements p ON p.instance_id = a.instance_id AND p.epoch = a.epoch AND p.host_id = $2
       JOIN instances i ON i.id = a.instance_id
      WHERE a.gpu_uuid = $1 AND a.released_at IS NULL ORDER BY a.slot`,
    [fault.uuid, hostId],
  );
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
      reason: sentence,
    })),
  );
}
