/** The end of all leases of a host that leaves the fleet: nobody will ever report on them again. */
import type { Transaction } from "../database/database.ts";
import { appendEvents } from "../events/events.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { mirrorPorts, releaseMappings } from "./port-mappings.ts";

/** Call in the transaction that takes the host away. */
export async function endLeasesOf(
  sql: Transaction,
  hostId: string,
  { reason, actor, now }: { reason: Reason; actor: string; now: Date },
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  const { rows } = await sql.change<{ id: string; env_id: string; old: string; customer_id: number }>(
    `WITH live AS (
       SELECT o.id, o.state AS old, e.customer_id FROM lease_orders o JOIN environments e ON e.id = o.env_id
        WHERE o.host_id = $1 AND o.ended_at IS NULL)
     UPDATE lease_orders o SET state = 'released', state_changed_at = $2, ended_at = $2, release_due_at = NULL,
            want = 'released', released_by = coalesce(o.released_by, $3), release_reason = coalesce(o.release_reason, $4),
            release_reason_code = CASE WHEN o.release_reason IS NULL THEN $5 ELSE o.release_reason_code END,
            release_reason_params = CASE WHEN o.release_reason IS NULL THEN $6::jsonb ELSE o.release_reason_params END
       FROM live WHERE o.id = live.id RETURNING o.id, o.env_id, live.old, live.customer_id`,
    [hostId, now, actor, text, code, params],
  );
  await releaseMappings(sql, { hostId, leaseIds: rows.map(({ id }) => id), now });
  await mirrorPorts(
    sql,
    rows.map(({ env_id }) => env_id),
  );
  await appendEvents(
    sql,
    rows.map(({ env_id: workloadId, old, customer_id: customerId }) => ({
      at: now,
      kind: "lease",
      workloadKind: "environment",
      workloadId,
      customerId,
      hostId,
      actor,
      old,
      new: "released",
      reason,
    })),
  );
}
