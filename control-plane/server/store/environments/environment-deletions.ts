/** Deletions of environments that are complete, and what goes with them. */
import type { Connection } from "../database/database.ts";
import { SOUND_ENVIRONMENT, SOUND_LEASE, SOUND_PORTS } from "../database/values/old-values.ts";
import { appendEvent, STATUS_EVENT } from "../events/events.ts";
import { isOfEnvironment } from "./environment-instances.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";

/** Deletions that we ordered and of which no host holds anything any more are complete. Without ids: all of them. */
export async function completeDeletions(
  sql: Connection,
  { ids, now }: { ids: readonly string[] | null; now: Date },
): Promise<string[]> {
  if (ids?.length === 0) return [];
  const { rows } = await sql.change<{ id: string; customer_id: number }>(
    `UPDATE environments e SET ${SOUND_ENVIRONMENT}, ${SOUND_PORTS}, deleted_at = $2, status_deadline_at = NULL
      WHERE e.status = 'deleting' AND e.deleted_at IS NULL AND ($1::text[] IS NULL OR e.id = ANY($1))
        AND EXISTS (SELECT FROM events v WHERE ${isOfEnvironment("v", "e.id")})
        AND NOT EXISTS (
          SELECT FROM instances i JOIN placements p ON p.instance_id = i.id
           WHERE ${isOfEnvironment("i", "e.id")} AND p.gone_at IS NULL)
      RETURNING id, customer_id`,
    [ids, now],
  );
  for (const { id, customer_id: customerId } of rows)
    await appendEvent(sql, {
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "environment",
      workloadId: id,
      customerId,
      actor: "control-plane",
      old: "deleting",
      new: "deleted",
      reason: reasonOf("environment-left-all-hosts"),
    });
  const deleted = rows.map(({ id }) => id);
  await releaseOldLeasesOf(sql, { environmentIds: deleted, now });
  return deleted;
}

/** Leases of the old system, of which no host knows. Ours are released when their host says so. */
export async function releaseOldLeasesOf(
  sql: Connection,
  { environmentIds, now }: { environmentIds: readonly string[]; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE port_mappings SET status = 'released', released_at = $2
      WHERE env_id = ANY($1::text[]) AND lease_id IS NULL AND status IS DISTINCT FROM 'released' AND ${SOUND_LEASE}`,
    [environmentIds, now],
  );
}
