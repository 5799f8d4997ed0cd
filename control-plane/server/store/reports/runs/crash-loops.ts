/**
 * Containers that end again and again: the third restart in a row begins a loop, which is told once, and so is its end.
 * A row of restarts is over when none was told for as long as a host lets a container run before it counts anew.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import {
  crashLoopMessage,
  crashLoopEndMessage,
  type Restarts,
  restartsOver,
} from "../../../core/alerts/work-messages.ts";
import type { Transaction } from "../../database/database.ts";
import { appendInstanceEvent } from "../../events/events.ts";
import { queueWorkMessages } from "../../events/message-outbox.ts";

export const LOOP_RESTARTS = 3;
export const CALM_MS = 10 * MS_PER_MINUTE;

/** SQL: what `calm_count` and `looping_since` of `k` become when `excluded` tells of more restarts, at `now`. */
export function loopColumns(now: string): string {
  const calm = `CASE WHEN k.looping_since IS NULL AND k.reported_at <= ${now}::timestamptz - interval '${CALM_MS} milliseconds'
                     THEN k.count ELSE k.calm_count END`;
  return `calm_count = ${calm},
    looping_since = CASE WHEN k.looping_since IS NOT NULL THEN k.looping_since
                         WHEN excluded.count - (${calm}) >= ${LOOP_RESTARTS} THEN excluded.reported_at END`;
}

interface LoopOf extends Restarts {
  environment_id: string;
}

/** The loop of a workload's run has just begun, as this event tells. */
export async function notifyLoop(
  sql: Transaction,
  { loop, eventId, now }: { loop: LoopOf; eventId: number; now: Date },
): Promise<void> {
  await queueWorkMessages(sql, [
    { workload: environmentOf(loop), eventId, at: now, message: crashLoopMessage(loop) },
  ]);
}

function environmentOf({ environment_id: id }: LoopOf) {
  return { kind: "environment", id } as const;
}

interface EndedLoop extends LoopOf {
  instance_id: string;
  host_id: string;
  has_ended: boolean;
}

/** A host that is silent says nothing of calm; the end of the run is one in any case. */
export async function endCalmLoops(
  sql: Transaction,
  { now, limit }: { now: Date; limit: number },
): Promise<void> {
  const { rows } = await sql.change<EndedLoop>(
    `WITH over AS (
       SELECT k.run_id, r.instance_id, r.host_id, r.resource_id AS environment_id,
              r.closed_at IS NOT NULL OR e.run_id IS NOT NULL AS has_ended
         FROM run_restarts k JOIN runs r ON r.id = k.run_id JOIN hosts h ON h.id = r.host_id
         LEFT JOIN run_ends e ON e.run_id = k.run_id
         LEFT JOIN placements p ON p.run_id = k.run_id AND p.instance_id = r.instance_id AND p.epoch = r.epoch
        WHERE k.looping_since IS NOT NULL
          AND (r.closed_at IS NOT NULL OR e.run_id IS NOT NULL
               OR k.reported_at <= $1 AND p.state = 'ready' AND h.connection = 'connected')
        ORDER BY k.run_id LIMIT $2 FOR NO KEY UPDATE OF k)
     UPDATE run_restarts k SET looping_since = NULL, calm_count = k.count FROM over o WHERE o.run_id = k.run_id
     RETURNING o.instance_id, o.host_id, o.environment_id, o.has_ended, k.count, k.exit_code, k.out_of_memory, k.signal`,
    [new Date(now.getTime() - CALM_MS), limit],
  );
  for (const loop of rows) {
    const messages = crashLoopEndMessage(loop, loop.has_ended);
    const eventId = await appendInstanceEvent(sql, {
      at: now,
      kind: "restarts-over",
      instanceId: loop.instance_id,
      hostId: loop.host_id,
      actor: "control-plane",
      old: String(loop.count),
      new: null,
      reason: restartsOver(loop, loop.has_ended),
    });
    if (eventId === null) continue;
    await queueWorkMessages(sql, [{ workload: environmentOf(loop), eventId, at: now, message: messages }]);
  }
}
