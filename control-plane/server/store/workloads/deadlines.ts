/** Workloads whose status has lasted too long. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Reason } from "../../core/reasons/reason.ts";
import type { Connection } from "../database/database.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";
import { storeOf } from "./kinds.ts";

export interface OverdueWorkload {
  kind: WorkloadKind;
  id: string;
  /** One that has something of it; null where none has. */
  hostName: string | null;
}

/** Those past their deadline, the most overdue first. */
export async function overdueWorkloads(
  sql: Connection,
  { now, limit }: { now: Date; limit: number },
): Promise<OverdueWorkload[]> {
  const { rows } = await sql.query<OverdueWorkload>(
    `SELECT o.kind, o.id, (SELECT h.name FROM instances i
                             JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
                             JOIN hosts h ON h.id = p.host_id
                            WHERE i.workload_kind = o.kind AND i.workload_id = o.id
                            ORDER BY p.gone_at IS NOT NULL, i.rank LIMIT 1) AS "hostName"
       FROM workloads o WHERE o.status_deadline_at <= $1 AND o.deleted_at IS NULL
      ORDER BY o.status_deadline_at, o.kind, o.id LIMIT $2`,
    [now, limit],
  );
  return rows;
}

/** The status lasts on: until the new deadline, for this reason. */
export async function extendDeadline(
  sql: Connection,
  { kind, id, reason, until }: { kind: WorkloadKind; id: string; reason: Reason; until: Date },
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `UPDATE ${storeOf(kind).table} SET status_reason = $2, status_reason_code = $4, status_reason_params = $5,
            status_deadline_at = $3
      WHERE id = $1`,
    [id, text, until, code, params],
  );
}
