/** What waits for a place, and where in the line each stands. */
import type { Connection } from "../database.ts";
import { type EnvironmentRow, environmentById } from "../environments/environments.ts";
import { STATUS_EVENT } from "../events.ts";

export interface WaitingEnvironment {
  environment: EnvironmentRow;
  /** When this start was ordered. */
  orderedAt: Date;
}

/** Queued environments, the longest waiting first, at most `limit` of them. */
export async function waitingEnvironments(sql: Connection, limit: number): Promise<WaitingEnvironment[]> {
  const { rows } = await sql.query<{ id: string; ordered_at: Date }>(
    `SELECT e.id, coalesce(
              (SELECT max(v.at) FROM events v
                WHERE v.workload_kind = 'environment' AND v.workload_id = e.id AND v.kind = $1 AND v.new = 'queued'),
              e.created_at) AS ordered_at
       FROM environments e WHERE e.status = 'queued' AND e.deleted_at IS NULL
      ORDER BY ordered_at, e.id LIMIT $2`,
    [STATUS_EVENT, limit],
  );
  const waiting: WaitingEnvironment[] = [];
  for (const { id, ordered_at } of rows) {
    const environment = await environmentById(sql, id);
    if (environment?.status === "queued") waiting.push({ environment, orderedAt: ordered_at });
  }
  return waiting;
}
