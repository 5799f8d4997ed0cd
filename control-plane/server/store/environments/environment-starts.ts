/** How long each phase of an environment's start took, of those that came to run since an event. */
import type { RowRange } from "../../core/metrics/row-range.ts";
import type { Connection } from "../database/database.ts";
import { STATUS_EVENT } from "../events/events.ts";

/** In seconds; null for a phase that this start did not have, or that nobody knows. */
export interface StartTimes {
  readonly queue: number | null;
  readonly pull: number | null;
  readonly create: number | null;
  readonly ready: number | null;
}

/** Environments that came to run: an image is counted as pulled where it was fetched before the environment was placed. */
export async function environmentStarts(sql: Connection, { after, upTo }: RowRange): Promise<StartTimes[]> {
  const seconds = (from: string, to: string) => `extract(epoch FROM ${to} - ${from})::float8`;
  const { rows } = await sql.query<{
    queue: number | null;
    pull: number | null;
    create: number | null;
    ready: number | null;
  }>(
    `SELECT ${seconds("v.queued_at", "p.created_at")} AS queue,
            (SELECT sum(f.pulled_ms)::float8 / 1000 FROM image_fetches f
              WHERE f.workload_kind = 'environment' AND f.workload_id = e.workload_id AND f.outcome = 'present'
                AND f.since >= v.queued_at AND f.ended_at <= e.at) AS pull,
            ${seconds("p.created_at", "p.container_since")} AS create,
            ${seconds("p.container_since", "e.at")} AS ready
       FROM events e
       JOIN environments v ON v.id = e.workload_id
       JOIN instances i ON i.workload_kind = 'environment' AND i.workload_id = e.workload_id
       JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE e.id > $1 AND e.id <= $2 AND e.kind = $3 AND e.workload_kind = 'environment'
        AND e.old = 'creating' AND e.new = 'running'`,
    [after, upTo, STATUS_EVENT],
  );
  return rows;
}
