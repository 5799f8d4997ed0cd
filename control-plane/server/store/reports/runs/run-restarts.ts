/**
 * Restarts within a run, taken over from its host's reports: how often the container ended and was started again, with
 * an event for the workload's people whenever that has become more. A host speaks for the runs that were placed on it.
 */
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { runRestarts } from "../../../core/instances/run-events.ts";
import type { Transaction } from "../../database/database.ts";
import { appendInstanceEvent } from "../../events/events.ts";
import { LOOP_RESTARTS, loopColumns, notifyLoop } from "./crash-loops.ts";

interface NewRestarts {
  run_id: string;
  instance_id: string;
  count: number;
  known: number;
  exit_code: number | null;
  out_of_memory: boolean;
  signal: string | null;
  environment_id: string;
  /** With these restarts they come in a row. */
  loops: boolean;
}

/** Most reports tell of none, or only of those that are known already. */
export async function noteRunRestarts(
  sql: Transaction,
  { hostId, observed, now }: { hostId: string; observed: readonly ObservedInstance[]; now: Date },
): Promise<void> {
  const restarted = observed.filter(({ restarts }) => restarts !== undefined);
  if (restarted.length === 0) return;
  // A hostile host may tell of one run twice.
  const { rows } = await sql.change<NewRestarts>(
    `WITH told AS (
       SELECT DISTINCT ON (r.id) r.id AS run_id, r.instance_id, r.resource_id AS environment_id, v.restarts,
              coalesce(k.count, 0) AS known, k.looping_since IS NOT NULL AS looped
         FROM jsonb_to_recordset($2::jsonb) AS v("runId" text, "instanceId" text, "placementEpoch" int, restarts jsonb)
         JOIN runs r ON r.id = v."runId" AND r.host_id = $1 AND r.instance_id = v."instanceId"
          AND r.epoch = v."placementEpoch"
         LEFT JOIN run_restarts k ON k.run_id = r.id
        ORDER BY r.id, (v.restarts ->> 'count')::int DESC),
     noted AS (
       INSERT INTO run_restarts AS k (run_id, reported_at, count, exit_code, out_of_memory, signal, looping_since)
       SELECT run_id, $3, (restarts ->> 'count')::int, (restarts ->> 'exitCode')::int,
              (restarts ->> 'outOfMemory')::boolean, restarts ->> 'signal',
              CASE WHEN (restarts ->> 'count')::int >= ${LOOP_RESTARTS} THEN $3::timestamptz END
         FROM told
       ON CONFLICT (run_id) DO UPDATE
          SET reported_at = excluded.reported_at, count = excluded.count, exit_code = excluded.exit_code,
              out_of_memory = excluded.out_of_memory, signal = excluded.signal, ${loopColumns("$3")}
        WHERE excluded.count > k.count
       RETURNING run_id, count, exit_code, out_of_memory, signal, looping_since)
     SELECT n.*, t.instance_id, t.environment_id, t.known, n.looping_since IS NOT NULL AND NOT t.looped AS loops FROM noted n JOIN told t USING (run_id) ORDER BY n.run_id`,
    [hostId, JSON.stringify(restarted), now],
  );
  for (const row of rows) {
    const eventId = await appendInstanceEvent(sql, {
      at: now,
      kind: "container-restarted",
      instanceId: row.instance_id,
      hostId,
      actor: `host ${hostId}`,
      old: String(row.known),
      new: String(row.count),
      reason: runRestarts({
        runId: row.run_id,
        times: row.count - row.known,
        how: { exitCode: row.exit_code, signal: row.signal, isOutOfMemory: row.out_of_memory },
      }),
    });
    if (row.loops && eventId !== null) await notifyLoop(sql, { loop: row, eventId, now });
  }
}
