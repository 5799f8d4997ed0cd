/**
 * What a restored database has lost of one host's placements, as far as the host's first report after it shows. The
 * host is right about what happened: an end that is not known any more is not undone, and a restart that is not known
 * any more goes on as the run that it is.
 */
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { isOver } from "../../core/instances/instance-report.ts";
import type { Connection, Transaction } from "../database/database.ts";
import type { EnvironmentRow } from "../environments/environments.ts";
import { moveEnvironment } from "../environments/environment-moves.ts";
import { appendEvent } from "../events/events.ts";
import { closeRun } from "../billing/runs/runs.ts";
import { releasePlacement } from "../workloads/instances/release.ts";
import type { LivePlacement, ReportingHost } from "./placement-reports.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";

/** No host is believed to be further ahead than this; a number without a bound could use the column up. */
const MAX_EPOCHS_AHEAD = 1_000;

const END_NOT_KNOWN: Reason = { code: "run-ended-before-restore", params: {} };
/** The detail of a placement that its host no longer had. */
export const END_NOT_KNOWN_TEXT = inEnglish(END_NOT_KNOWN);

interface Restored {
  host: ReportingHost;
  placements: readonly LivePlacement[];
  observed: readonly ObservedInstance[];
  environments: ReadonlyMap<string, EnvironmentRow>;
  now: Date;
}

/**
 * Call before the report is merged, with what it says. Placements that the database has lost are never asked for
 * again: the next one of their instance is beyond them.
 */
export async function noteKnownEpochs(sql: Connection, observed: readonly ObservedInstance[]): Promise<void> {
  const known = observed.map(({ instanceId, placementEpoch, knownEpoch }) => ({
    instanceId,
    epoch: Math.max(placementEpoch, knownEpoch ?? 0),
  }));
  if (known.length === 0) return;
  await sql.change(
    `UPDATE instances i SET known_epoch = v.epoch
       FROM (SELECT "instanceId" AS id, max(epoch) AS epoch
               FROM jsonb_to_recordset($1::jsonb) AS t("instanceId" text, epoch int) GROUP BY 1) v
      WHERE i.id = v.id AND v.epoch > greatest(i.current_epoch, i.known_epoch)
        AND v.epoch <= i.current_epoch + $2::int`,
    [JSON.stringify(known), MAX_EPOCHS_AHEAD],
  );
}

/** Answers the placements as they are now, for the merge. */
export async function mergeLostHistory(sql: Transaction, restored: Restored): Promise<LivePlacement[]> {
  const merged: LivePlacement[] = [];
  for (const placement of restored.placements) {
    const seen = restored.observed.filter(
      (one) => one.instanceId === placement.instance_id && one.placementEpoch === placement.epoch,
    );
    const other = seen.find((one) => one.runId !== placement.run_id && !isOver(one.phase));
    if (placement.want !== "running") merged.push(placement);
    else if (seen.length === 0 && hasRun(placement)) await noteLostEnd(sql, placement, restored);
    else if (other !== undefined && !seen.some((one) => one.runId === placement.run_id))
      merged.push(await adoptRun(sql, placement, { runId: other.runId, now: restored.now }));
    else merged.push(placement);
  }
  return merged;
}

/** Its host said that it had it: one that it never heard of is still to be started. */
function hasRun({ state }: LivePlacement): boolean {
  return state === "ready" || state === "stopping";
}

async function noteLostEnd(
  sql: Transaction,
  placement: LivePlacement,
  { host, environments, observed, now }: Restored,
): Promise<void> {
  const { instance_id: instanceId, epoch } = placement;
  const runsOn = observed.some((one) => one.instanceId === instanceId && !isOver(one.phase));
  const environment =
    placement.environment_id === null ? undefined : environments.get(placement.environment_id);
  if (environment !== undefined && placement.is_current && environment.status !== "deleting")
    await moveEnvironment(sql, {
      environment,
      to: runsOn ? "error" : "stopped",
      reason: runsOn ? { code: "start-forgotten-by-restore", params: {} } : END_NOT_KNOWN,
      actor: `host ${host.id}`,
      now,
      hostId: host.id,
    });
  await releasePlacement(sql, { instanceId, epoch, now });
  await sql.change(
    `UPDATE placements SET state = 'stopped', state_changed_at = $3, want = 'removed', detail = $4, detail_code = NULL, detail_params = NULL,
            ordered_by = coalesce(ordered_by, 'control-plane') WHERE instance_id = $1 AND epoch = $2`,
    [instanceId, epoch, now, END_NOT_KNOWN_TEXT],
  );
  if (placement.is_current)
    await sql.change("UPDATE instances SET state = 'stopped' WHERE id = $1", [instanceId]);
  // Rows of before this moment still count when they come again.
  await closeRun(sql, placement.run_id, now);
}

/**
 * A run of the placement that the database does not know is opened on the terms of the one that it does. That one was
 * over by then, and its own last row says when; the new one was ordered after it, even where nothing of it was proven.
 */
async function adoptRun(
  sql: Transaction,
  placement: LivePlacement,
  { runId, now }: { runId: string; now: Date },
): Promise<LivePlacement> {
  const { rowCount } = await sql.change(
    `INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, ordered_by, workspace_id, resource_type, resource_id,
            resource_name, spec, gpu_model, ordered_at)
     SELECT $2, instance_id, epoch, host_id, customer_id, ordered_by, workspace_id, resource_type, resource_id,
            resource_name, spec, gpu_model,
            coalesce(last_proven_at, ordered_at) + interval '1 millisecond' FROM runs WHERE id = $1
     ON CONFLICT DO NOTHING`,
    [placement.run_id, runId],
  );
  // A run that is known belongs to something else: a host may not name it for this placement.
  if (rowCount === 0) return placement;
  await sql.change(
    "INSERT INTO run_lines (run_id, line, quantity) SELECT $2, line, quantity FROM run_lines WHERE run_id = $1",
    [placement.run_id, runId],
  );
  await closeRun(sql, placement.run_id, now);
  await sql.change("UPDATE placements SET run_id = $3 WHERE instance_id = $1 AND epoch = $2", [
    placement.instance_id,
    placement.epoch,
    runId,
  ]);
  await appendEvent(sql, {
    at: now,
    kind: "run-adopted",
    instanceId: placement.instance_id,
    actor: "control-plane",
    old: placement.run_id,
    new: runId,
    reason: reasonOf("run-adopted-after-restore"),
    ...(placement.environment_id !== null && {
      workloadKind: "environment" as const,
      workloadId: placement.environment_id,
    }),
  });
  return { ...placement, run_id: runId };
}
