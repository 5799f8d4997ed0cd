/**
 * A host's right to be here ends: its keys are revoked, or it leaves the fleet for good. An empty one simply goes.
 * One that is declared lost takes what ran there with it: its resources are free at once and its runs end at their
 * last proven moment.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { endCveWaiver } from "../hosts/cve-waivers.ts";
import type { Transaction } from "../database/database.ts";
import { endSessionsOfHost } from "../environments/access/access-ends.ts";
import { completeDeletions } from "../environments/environment-deletions.ts";
import { appendEvent, appendInstanceEvent, GPU_EVENT, INSTANCE_EVENT } from "../events/events.ts";
import { SOUND_GPU, SOUND_HOST } from "../database/values/old-values.ts";
import { raiseGeneration, statusOf } from "../hosts/hosts.ts";
import { clearCanaryAlarm } from "./health/canary-reports.ts";
import { noteHostLost } from "../billing/broken-time/host-deaths.ts";
import { noteStubbornRuns } from "../hosts/stubborn-runs.ts";
import { releasePlacement } from "../workloads/instances/release.ts";
import { storeOf } from "../workloads/kinds.ts";
import { closeRun } from "../billing/runs/runs.ts";
import { endLeasesOf } from "../leases/host-leases.ts";
import { forgetPulls } from "../hosts/images/host-pulls.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";

/** Whoever did it, as events name people. */
export interface Deed {
  actor: string;
  now: Date;
}

/** Every key of the host is refused from now on. */
export async function revokeHost(sql: Transaction, hostId: string, { actor, now }: Deed): Promise<void> {
  const old = await statusOf(sql, hostId);
  await sql.change(
    `UPDATE hosts SET ${SOUND_HOST}, revoked_at = coalesce(revoked_at, $2), cordoned = true, status = 'maintenance',
            cordon_reason = coalesce(cordon_reason, 'revoked') WHERE id = $1`,
    [hostId, now],
  );
  await sql.change("UPDATE host_credentials SET revoked_at = $2 WHERE host_id = $1 AND revoked_at IS NULL", [
    hostId,
    now,
  ]);
  // It runs nobody's containers any more, and no administrator puts it back.
  await clearCanaryAlarm(sql, { hostId, now });
  const reason = reasonOf("host-keys-refused");
  await appendEvent(sql, { at: now, kind: "host-revoked", hostId, actor, old, new: "maintenance", reason });
}

export type Removal = { removed: true } | { removed: false; instances: number };

interface LeftPlacement {
  instance_id: string;
  epoch: number;
  run_id: string | null;
  state: string;
  workload_kind: WorkloadKind;
  workload_id: string;
  is_held: boolean;
}

/**
 * Locking the host first keeps new placements out; whoever holds a run and waits for the
 * host meanwhile makes a deadlock, and the transaction is run again.
 */
export async function removeHost(
  sql: Transaction,
  hostId: string,
  { lost, actor, now }: Deed & { lost: boolean },
): Promise<Removal> {
  await sql.query("SELECT id FROM hosts WHERE id = $1 FOR UPDATE", [hostId]);
  const { rows: left } = await sql.query<LeftPlacement>(
    `SELECT p.instance_id, p.epoch, p.run_id, p.state, i.workload_kind, i.workload_id, p.resources_released_at IS NULL AS is_held
       FROM placements p JOIN instances i ON i.id = p.instance_id
      WHERE p.host_id = $1 AND p.gone_at IS NULL ORDER BY p.run_id, p.instance_id, p.epoch`,
    [hostId],
  );
  if (left.length > 0 && !lost) return { removed: false, instances: left.length };

  const old = await statusOf(sql, hostId);
  for (const placement of left) await losePlacement(sql, placement, { hostId, actor, now });
  await completeDeletions(sql, { ids: left.map((placement) => placement.workload_id), now });
  await closeOpenRuns(sql, hostId, now);
  if (lost) await noteHostLost(sql, hostId, now);
  const reason = reasonOf(lost ? "host-lost" : "host-removed");
  const ofLeases = reasonOf(lost ? "lease-of-lost-host" : "lease-of-removed-host");
  await endLeasesOf(sql, hostId, { reason: ofLeases, actor, now });
  await forgetPulls(sql, hostId);
  await endSessionsOfHost(sql, { hostId, now });
  await sql.change("DELETE FROM host_drains WHERE host_id = $1", [hostId]);
  await endCveWaiver(sql, hostId);
  await revokeHost(sql, hostId, { actor, now });
  await raiseGeneration(sql, hostId);
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `UPDATE hosts SET deleted_at = $2, status = 'offline', status_reason = $3, status_reason_code = $4,
            status_reason_params = $5
      WHERE id = $1`,
    [hostId, now, text, code, params],
  );
  // Nothing more is heard of them.
  await noteStubbornRuns(sql, { hostId, observed: [], now });
  const { rows: cards } = await sql.change<{ uuid: string; status: string; is_new: boolean }>(
    `UPDATE gpus SET ${SOUND_GPU}, vanished_at = coalesce(vanished_at, $2)
      WHERE host_id = $1 RETURNING uuid, status, vanished_at = $2 AS is_new`,
    [hostId, now],
  );
  for (const { uuid, status } of cards.filter((card) => card.is_new))
    await appendEvent(sql, {
      at: now,
      kind: GPU_EVENT,
      hostId,
      gpuUuid: uuid,
      actor,
      old: status,
      new: "vanished",
      reason,
    });
  const kind = lost ? "host-lost" : "host-removed";
  await appendEvent(sql, { at: now, kind, hostId, actor, old, new: "offline", reason });
  return { removed: true };
}

async function losePlacement(
  sql: Transaction,
  placement: LeftPlacement,
  { hostId, actor, now }: Deed & { hostId: string },
): Promise<void> {
  const { instance_id: instanceId, epoch } = placement;
  if (placement.is_held) {
    await storeOf(placement.workload_kind).loseHost?.(sql, placement.workload_id, { hostId, actor, now });
    await sql.change("UPDATE instances SET state = 'lost' WHERE id = $1", [instanceId]);
    await sql.change(
      "UPDATE placements SET state = 'lost', state_changed_at = $3 WHERE instance_id = $1 AND epoch = $2",
      [instanceId, epoch, now],
    );
    await appendInstanceEvent(sql, {
      at: now,
      kind: INSTANCE_EVENT,
      instanceId,
      hostId,
      actor,
      old: placement.state,
      new: "lost",
      reason: reasonOf("host-declared-lost"),
    });
    await releasePlacement(sql, { instanceId, epoch, now });
  }
  await sql.change(
    `UPDATE placements SET want = 'removed', ordered_by = coalesce(ordered_by, 'admin'), gone_at = $3
      WHERE instance_id = $1 AND epoch = $2`,
    [instanceId, epoch, now],
  );
}

/** Nothing later can be proven. What is proven and not charged yet, the next full hour takes. */
async function closeOpenRuns(sql: Transaction, hostId: string, now: Date): Promise<void> {
  const { rows } = await sql.query<{ id: string }>(
    "SELECT id FROM runs WHERE host_id = $1 AND closed_at IS NULL ORDER BY id FOR NO KEY UPDATE",
    [hostId],
  );
  for (const run of rows) await closeRun(sql, run.id, now);
}
