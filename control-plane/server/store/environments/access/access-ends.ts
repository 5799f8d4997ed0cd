/**
 * Ends of sessions of which nobody will tell how they came: their host does not know them any more, their container has
 * ended, or their host has left. Should the host tell all the same, its word holds.
 */
import type { Connection } from "../../database/database.ts";
import { isLive } from "../../gateway/gateways.ts";

/** Whether the run `r` is over: nothing of it goes on, whatever its host may still report. */
export const RUN_IS_OVER = `(r.closed_at IS NOT NULL OR EXISTS (SELECT FROM run_ends x WHERE x.run_id = r.id)
    OR NOT EXISTS (SELECT FROM placements p WHERE p.instance_id = r.instance_id AND p.epoch = r.epoch
                      AND p.resources_released_at IS NULL))`;

/** The end of the session `s`; `at` is SQL. */
const endedUnheard = (at: string, sentence: string) =>
  `ended_at = greatest(s.opened_at, ${at}), ended_by = 'unheard', end_detail = '${sentence}'`;

/** Those that are open here and not among those that the host, which has told all, knows. */
export async function endUntold(
  sql: Connection,
  { hostId, reported, now }: { hostId: string; reported: readonly string[]; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE access_sessions s SET ${endedUnheard("$3", "Its host does not know it any more.")}
      WHERE s.host_id = $1 AND s.gateway_id IS NULL AND s.ended_at IS NULL AND NOT s.session_id = ANY($2::text[])`,
    [hostId, reported, now],
  );
}

/** Sessions of runs that are over have ended with them, told or not. One statement for each report. */
export async function endSessionsOfEndedRuns(
  sql: Connection,
  { hostId, now }: { hostId: string; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE access_sessions s SET ${endedUnheard("$2", "The container that it was in has ended.")}
      WHERE s.host_id = $1 AND s.ended_at IS NULL
        AND EXISTS (SELECT FROM runs r WHERE r.id = s.run_id AND ${RUN_IS_OVER})`,
    [hostId, now],
  );
}

/** Nobody will hear of it again. */
export async function endSessionsOfHost(
  sql: Connection,
  { hostId, now }: { hostId: string; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE access_sessions s SET ${endedUnheard("$2", "Its host has left the fleet.")}
      WHERE s.host_id = $1 AND s.ended_at IS NULL`,
    [hostId, now],
  );
}

/** Terminals of gateways that ended without a word; one that is only away from the database tells of them again. */
export async function endSessionsOfDeadGateways(sql: Connection, now: Date): Promise<void> {
  await sql.change(
    `UPDATE access_sessions s SET ${endedUnheard("$1", "Its gateway has ended.")}
      WHERE s.gateway_id IS NOT NULL AND s.ended_at IS NULL
        AND NOT EXISTS (SELECT FROM gateways g WHERE g.id = s.gateway_id AND ${isLive("$1")})`,
    [now],
  );
}
