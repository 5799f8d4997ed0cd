/**
 * How runs ended: taken over from their hosts' reports, once for each run, with an event for its workload's people.
 * A host speaks for the runs that were placed on it and for no others.
 */
import { runEnd } from "../../../core/instances/run-events.ts";
import { reportedReason } from "../../../core/reasons/host-report.ts";
import { reasonData } from "../../database/values/reason-columns.ts";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { Connection } from "../../database/database.ts";
import { appendInstanceEvent } from "../../events/events.ts";

interface NewEnd {
  run_id: string;
  instance_id: string;
  phase: string;
}

/** Most reports tell of no end, or only of ends that are known already. */
export async function noteRunEnds(
  sql: Connection,
  { hostId, observed, now }: { hostId: string; observed: readonly ObservedInstance[]; now: Date },
): Promise<void> {
  const ended = observed.filter(
    ({ remains, phase }) => remains !== undefined && (phase === "stopped" || phase === "failed"),
  );
  if (ended.length === 0) return;
  const { rows } = await sql.change<NewEnd>(
    `INSERT INTO run_ends AS e (run_id, reported_at, phase, problem, detail, detail_code, detail_params, exit_code, out_of_memory, signal, tail,
                                new_output)
     SELECT r.id, $3, v.phase, v.problem, v.detail, v."detailCode", v."detailParams", v."exitCode", coalesce((v.remains ->> 'outOfMemory')::boolean, false),
            v.remains ->> 'signal', v.remains ->> 'tail', coalesce((v.remains ->> 'newOutput')::boolean, false)
       FROM jsonb_to_recordset($2::jsonb) AS v("runId" text, "instanceId" text, "placementEpoch" int, phase text,
              problem text, detail text, "detailCode" text, "detailParams" jsonb, "exitCode" int, remains jsonb)
       JOIN runs r ON r.id = v."runId" AND r.host_id = $1 AND r.instance_id = v."instanceId"
        AND r.epoch = v."placementEpoch"
     ON CONFLICT (run_id) DO NOTHING
     RETURNING run_id, phase, (SELECT r.instance_id FROM runs r WHERE r.id = e.run_id) AS instance_id`,
    [hostId, JSON.stringify(ended.map(withCode)), now],
  );
  const messages = new Map(rows.map((row) => [row.run_id, row]));
  for (const seen of ended) {
    const row = messages.get(seen.runId);
    if (row === undefined) continue;
    // A hostile host may tell of one run twice.
    messages.delete(seen.runId);
    await appendInstanceEvent(sql, {
      at: now,
      kind: "run-ended",
      instanceId: row.instance_id,
      hostId,
      actor: `host ${hostId}`,
      old: "running",
      new: row.phase,
      reason: runEnd(seen),
    });
  }
}

/** As its columns have the reason: neither code nor parameters where it came as a text. */
function withCode(seen: ObservedInstance) {
  const { code: detailCode, params: detailParams } = reasonData(reportedReason(seen.detail, seen.reason));
  return { ...seen, detailCode, detailParams };
}
