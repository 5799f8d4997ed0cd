/** Since when environments stand as they do, and for how long nobody has used them: of a whole page with one query. */
import { idleTime } from "../../core/environments/idle-stop.ts";
import type { Connection } from "../database/database.ts";
import { STATUS_EVENT } from "../events/events.ts";
import { WATCH_COLUMNS, type WatchRow, watchOf } from "./idle-watches.ts";

export interface EnvironmentTimes {
  /** Null where the old system did not say. */
  statusSince: Date | null;
  /** Null while it is used, or does not stop for idleness. */
  idle: { since: Date; stopsAt: Date } | null;
}

/** By id; of those that exist. */
export async function environmentTimesOf(
  sql: Connection,
  ids: readonly string[],
  now: Date,
): Promise<Map<string, EnvironmentTimes>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<
    WatchRow & { id: string; status_since: Date | null; minutes: number | null }
  >(
    `SELECT e.id, s.at AS status_since, i.minutes, ${WATCH_COLUMNS}
       FROM environments e
       LEFT JOIN LATERAL (
         SELECT v.at FROM events v WHERE v.workload_kind = 'environment' AND v.workload_id = e.id AND v.kind = $2
          ORDER BY v.id DESC LIMIT 1) s ON true
       LEFT JOIN LATERAL (
         SELECT p.run_id, (e.config->'idle_stop_minutes')::int AS minutes FROM instances i
           JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch AND p.state = 'ready' AND p.want = 'running'
          WHERE i.workload_kind = 'environment' AND i.workload_id = e.id AND e.status = 'running'
            AND jsonb_typeof(e.config->'idle_stop_minutes') = 'number' LIMIT 1) i ON true
       LEFT JOIN idle_watches w ON w.env_id = e.id AND w.run_id = i.run_id
      WHERE e.id = ANY($1::text[])`,
    [ids, STATUS_EVENT],
  );
  return new Map(rows.map((row) => [row.id, { statusSince: row.status_since, idle: idleOf(row, now) }]));
}

function idleOf(
  { minutes, ...row }: WatchRow & { minutes: number | null },
  now: Date,
): EnvironmentTimes["idle"] {
  const watch = watchOf(row);
  return watch === null || minutes === null ? null : idleTime(watch, { minutes, now });
}
