/**
 * A host's right to be here ends: its keys are revoked, or it leaves the fleet for good. An empty one simply goes. One that is declared lost takes what ran there with it: its
 * resources are free at once and its runs end at their last proven moment.
 */
import type { Connection } from "./database.ts";
import { appendEvent } from "./events.ts";

/** Whoever did it, as events name people. */
export interface Deed {
  actor: string;
  now: Date;
}

/** Every key of the host is refused from now on. Call in a transaction. */
export async function revokeHost(sql: Connection, hostId: string, { actor, now }: Deed): Promise<void> {
  await sql.query(
    `UPDATE hosts SET revoked_at = coalesce(revoked_at, $2), cordoned = true,
            cordon_reason = coalesce(cordon_reason, 'revoked') WHERE id = $1`,
    [hostId, now],
  );
  await sql.query("UPDATE host_credentials SET revoked_at = $2 WHERE host_id = $1 AND revoked_at IS NULL", [
    hostId,
    now,
  ]);
  await appendEvent(sql, { at: now, kind: "host-revoked", hostId, actor });
}

export type Removal = { removed: true; lostInstances: number } | { removed: false; instances: number };

/** Call in a transaction. */
export async function removeHost(
  sql: Connection,
  hostId: string,
  { lost, actor, now }: Deed & { lost: boolean },
): Promise<Removal> {
  await sql.query("SELECT id FROM hosts WHERE id = $1 FOR UPDATE", [hostId]);
  const { rows } = await sql.query<{ instance_id: string; epoch: number }>(
    "SELECT instance_id, epoch FROM placements WHERE host_id = $1 AND gone_at IS NULL ORDER BY instance_id FOR UPDATE",
    [hostId],
  );
  if (rows.length > 0 && !lost) return { removed: false, instances: rows.length };

  await losePlacements(sql, hostId, now);
  await revokeHost(sql, hostId, { actor, now });
  await sql.query(
    `UPDATE hosts SET deleted_at = $2, status = 'offline', status_reason = $3, generation = generation + 1 WHERE id = $1`,
    [hostId, now, lost ? "declared lost" : "deleted"],
  );
  await sql.query("UPDATE gpus SET vanished_at = coalesce(vanished_at, $2) WHERE host_id = $1", [
    hostId,
    now,
  ]);
  const kind = lost ? "host-lost" : "host-deleted";
  await appendEvent(sql, { at: now, kind, hostId, actor });
  return { removed: true, lostInstances: rows.length };
}

async function losePlacements(sql: Connection, hostId: string, now: Date): Promise<void> {
  // Before the placements are marked, since this asks which of them held something.
  await sql.query(
    `UPDATE environments e
        SET status = CASE e.status WHEN 'stopping' THEN 'stopped' WHEN 'deleting' THEN 'deleting' ELSE 'error' END,
            status_reason = 'The host it ran on was declared lost.', status_deadline_at = NULL,
            deleted_at = CASE e.status WHEN 'deleting' THEN $2 ELSE e.deleted_at END,
            stopped_at = $2, container_id = NULL
       FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE i.workload_kind = 'environment' AND i.workload_id = e.id
        AND p.host_id = $1 AND p.resources_released_at IS NULL AND e.deleted_at IS NULL`,
    [hostId, now],
  );
  await sql.query(
    `UPDATE gpu_allocations a SET mode = NULL, released_at = $2 FROM placements p
      WHERE p.instance_id = a.instance_id AND p.epoch = a.epoch AND p.host_id = $1 AND a.released_at IS NULL`,
    [hostId, now],
  );
  await sql.query(
    `UPDATE instances i SET state = 'lost' FROM placements p
      WHERE p.instance_id = i.id AND p.epoch = i.current_epoch AND p.host_id = $1 AND p.resources_released_at IS NULL`,
    [hostId],
  );
  await sql.query(
    `UPDATE placements SET state = CASE WHEN resources_released_at IS NULL THEN 'lost' ELSE state END,
            want = 'removed', ordered_by = coalesce(ordered_by, 'admin'), state_changed_at = $2,
            resources_released_at = coalesce(resources_released_at, $2), gone_at = $2
      WHERE host_id = $1 AND gone_at IS NULL`,
    [hostId, now],
  );
  // The next hour tick charges what was proven and not yet charged; nothing later can be proven.
  await sql.query("UPDATE runs SET closed_at = $2 WHERE host_id = $1 AND closed_at IS NULL", [hostId, now]);
}
