/** The placements behind a workload: which are there, and what their hosts are to make of them. */
import type { ServiceAnswers } from "@remotegpu/shared/instance/instance";
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { ContainerSwitches } from "../../../core/environments/environment-change.ts";
import type { StoredSpec } from "../../../core/instances/desired-set.ts";
import type { StopActor } from "../../../core/instances/instance-report.ts";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";
import type { Connection } from "../../database/database.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { reasonColumns } from "../../database/values/reason-columns.ts";

export interface PlacementRow {
  instance_id: string;
  epoch: number;
  host_id: string;
  host_name: string;
  run_id: string | null;
  gpu_model: string | null;
  want: "running" | "stopped" | "removed";
  state: string;
  is_held: boolean;
  /** As its workload's order chose it when it was placed; null where it chose none. */
  chosen_grace_seconds: number | null;
}

/** The one that holds something first, then the newest. */
export async function placementsNotGone(
  sql: Connection,
  { kind, id }: WorkloadName,
): Promise<PlacementRow[]> {
  const { rows } = await sql.query<PlacementRow>(
    `SELECT p.instance_id, p.epoch, p.host_id, h.name AS host_name, p.run_id, r.gpu_model, p.want, p.state,
            p.resources_released_at IS NULL AS is_held, p.chosen_grace_seconds
       FROM instances i JOIN placements p ON p.instance_id = i.id JOIN hosts h ON h.id = p.host_id
       LEFT JOIN runs r ON r.id = p.run_id
      WHERE i.workload_kind = $1 AND i.workload_id = $2 AND p.gone_at IS NULL
      ORDER BY p.resources_released_at IS NOT NULL, p.epoch DESC`,
    [kind, id],
  );
  return rows;
}

/** Of a workload that has one instance. */
export async function heldPlacement(sql: Connection, workload: WorkloadName): Promise<PlacementRow | null> {
  return (await placementsNotGone(sql, workload)).find((placement) => placement.is_held) ?? null;
}

/** What the image of its newest placement brings, in words; null where nobody could look. Of a workload with one instance. */
export async function imageBrings(sql: Connection, { kind, id }: WorkloadName): Promise<string[] | null> {
  const { rows } = await sql.query<{ image_brings: string[] | null }>(
    `SELECT p.image_brings FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE i.workload_kind = $1 AND i.workload_id = $2`,
    [kind, id],
  );
  return rows[0]?.image_brings ?? null;
}

/** Which of its services answer, as its host told it last; null where it tells nothing. Of a workload with one instance. */
export async function serviceAnswers(
  sql: Connection,
  { kind, id }: WorkloadName,
): Promise<ServiceAnswers | null> {
  const { rows } = await sql.query<{ services: ServiceAnswers | null }>(
    `SELECT p.services FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE i.workload_kind = $1 AND i.workload_id = $2`,
    [kind, id],
  );
  return rows[0]?.services ?? null;
}

/** What its container was made with. */
export async function switchesInside(
  sql: Connection,
  { instance_id, epoch }: PlacementRow,
): Promise<ContainerSwitches | null> {
  const { rows } = await sql.query<ContainerSwitches>(
    `SELECT (spec->>'jupyter')::boolean AS jupyter_enabled, (spec->>'tensorboard')::boolean AS tensorboard_enabled
       FROM placements WHERE instance_id = $1 AND epoch = $2`,
    [instance_id, epoch],
  );
  return rows[0] ?? null;
}

/**
 * The next run in this place is made with these; call where a new run begins, since a run's spec never changes.
 * @param tempStorageBytes for one that was placed without a limit of its own file system
 */
export async function setSwitches(
  sql: Connection,
  { instance_id, epoch }: PlacementRow,
  switches: ContainerSwitches & { tempStorageBytes: number },
): Promise<void> {
  const { rows } = await sql.query<{ spec: StoredSpec }>(
    "SELECT spec FROM placements WHERE instance_id = $1 AND epoch = $2",
    [instance_id, epoch],
  );
  for (const { spec } of rows) {
    const { jupyter_enabled: jupyter, tensorboard_enabled: tensorboard } = switches;
    const tempStorageBytes = spec.tempStorageBytes ?? switches.tempStorageBytes;
    const next = { ...spec, jupyter, tensorboard, tempStorageBytes };
    const text = canonicalJson(next);
    if (text === canonicalJson(spec)) continue;
    await sql.change(
      "UPDATE placements SET spec = $3::jsonb, spec_hash = $4 WHERE instance_id = $1 AND epoch = $2",
      [instance_id, epoch, text, sha256(text)],
    );
  }
}

export async function setRun(
  sql: Connection,
  { instance_id, epoch }: PlacementRow,
  runId: string | null,
): Promise<void> {
  await sql.change("UPDATE placements SET run_id = $3 WHERE instance_id = $1 AND epoch = $2", [
    instance_id,
    epoch,
    runId,
  ]);
}

/** A removal stays one; who ordered first is kept, with the reason. */
export async function want(
  sql: Connection,
  { instance_id, epoch }: PlacementRow,
  { wanted, by, reason }: { wanted: "stopped" | "removed"; by: StopActor; reason?: Reason },
): Promise<void> {
  const { text, code, params } = reasonColumns(reason ?? null);
  await sql.change(
    `UPDATE placements SET want = CASE want WHEN 'removed' THEN want ELSE $3 END, ordered_by = coalesce(ordered_by, $4),
            stop_reason = CASE WHEN ordered_by IS NULL THEN $5 ELSE stop_reason END,
            stop_reason_code = CASE WHEN ordered_by IS NULL THEN $6 ELSE stop_reason_code END,
            stop_reason_params = CASE WHEN ordered_by IS NULL THEN $7::jsonb ELSE stop_reason_params END
      WHERE instance_id = $1 AND epoch = $2`,
    [instance_id, epoch, wanted, by, text, code, params],
  );
}
