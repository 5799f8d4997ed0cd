/** Emptying a host: nothing new is placed there and what runs is ordered to stop. Environments are never re-placed. */
import type { Connection } from "../database.ts";
import { stopEnvironment } from "../environments/environment-orders.ts";
import { lockEnvironment } from "../environments/environments.ts";
import { appendEvent } from "../events.ts";
import type { Deed } from "./host-removal.ts";
import { cordonHost, statusOf } from "./hosts.ts";

/** Call in a transaction. Answers how many environments were ordered to stop. */
export async function drainHost(
  sql: Connection,
  hostId: string,
  { reason, actor, now }: Deed & { reason: string | null },
): Promise<{ stopping: number }> {
  const old = await statusOf(sql, hostId);
  await cordonHost(sql, { hostId, reason: reason ?? "drained" });
  await appendEvent(sql, { at: now, kind: "host-drained", hostId, actor, old, new: "maintenance", reason });
  const { rows } = await sql.query<{ id: string }>(
    `SELECT e.id FROM environments e
       JOIN instances i ON i.workload_kind = 'environment' AND i.workload_id = e.id
       JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE p.host_id = $1 AND p.resources_released_at IS NULL AND p.want = 'running' AND e.deleted_at IS NULL
      ORDER BY e.id`,
    [hostId],
  );
  let stopping = 0;
  for (const { id } of rows) {
    const environment = await lockEnvironment(sql, id);
    if (environment === null) continue;
    const order = await stopEnvironment(sql, environment, { by: "admin", actor, now });
    // One that has begun to stop, or ended, since it was read needs no order.
    if (order.done) stopping += 1;
  }
  return { stopping };
}
