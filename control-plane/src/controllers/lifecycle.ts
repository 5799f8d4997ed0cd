/**
 * One pass over what has lasted too long or is due to end: statuses past their deadline, deletions of which nothing
 * is left, hosts to be empty by now, loops of restarts that are over, workloads of the old system, idempotency keys of
 * yesterday. What hosts report moves environments on by itself
 * (store/reports/observed.ts).
 */
import type { HostId } from "@remotegpu/shared/ids";
import { afterDeadline, limitMs } from "../core/environments/environment-status.ts";
import { type Connection, type Database, transaction } from "../store/database/database.ts";
import { stopPlacementOf } from "../store/orders/environment-orders.ts";
import {
  completeDeletions,
  type EnvironmentRow,
  extendDeadline,
  lockEnvironment,
  moveEnvironment,
} from "../store/environments/environments.ts";
import { dueDrains, endDrain } from "../store/reports/host-drain.ts";
import { forgetOldKeys } from "../store/orders/idempotency.ts";
import { assertTerm } from "../store/database/leader.ts";
import { overdueEnvironments } from "../store/workloads/lifecycle.ts";
import { endCalmLoops } from "../store/reports/runs/crash-loops.ts";
import {
  releaseOldLeases,
  settleEnvironments,
  settleInferenceServices,
  settleTrainingJobs,
} from "../store/workloads/old-workloads.ts";

/** A pass takes this many; the next one goes on. */
const MAX_OVERDUE = 200;
/** Of each kind, likewise. */
const MAX_SETTLED = 500;
const MAX_DRAINS = 20;
/** What the old system left, each in a transaction of its own. */
const SETTLEMENTS = [settleEnvironments, settleTrainingJobs, settleInferenceServices, releaseOldLeases];

export interface LifecycleDeps {
  db: Database;
  nudge: (host: HostId) => void;
}

interface Pass {
  term: number;
  now: Date;
}

export async function lifecyclePass(deps: LifecycleDeps, pass: Pass): Promise<void> {
  const { db, nudge } = deps;
  for (const { id } of await overdueEnvironments(db, { now: pass.now, limit: MAX_OVERDUE })) {
    const hostId = await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      const environment = await lockEnvironment(sql, id);
      return environment === null ? null : await endOverdue(sql, environment, pass.now);
    });
    if (hostId !== null) nudge(hostId as HostId);
  }
  for (const hostId of await dueDrains(db, { now: pass.now, limit: MAX_DRAINS })) {
    const hasEnded = await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      return await endDrain(sql, hostId, pass.now);
    });
    if (hasEnded) nudge(hostId as HostId);
  }
  await transaction(db, async (sql) => {
    await assertTerm(sql, pass.term);
    await endCalmLoops(sql, { now: pass.now, limit: MAX_SETTLED });
    await completeDeletions(sql, { ids: null, now: pass.now });
    await forgetOldKeys(sql, pass.now);
  });
  for (const settle of SETTLEMENTS)
    await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      await settle(sql, { now: pass.now, limit: MAX_SETTLED });
    });
}

/** Answers the host whose desired set changed. */
async function endOverdue(sql: Connection, environment: EnvironmentRow, now: Date): Promise<string | null> {
  const { status, status_deadline_at: deadline } = environment;
  if (deadline === null || deadline > now) return null;
  const verdict = afterDeadline(status, environment.host_name ?? "unknown");
  if (verdict === null) return null;
  if (verdict.status === status) {
    const until = new Date(now.getTime() + (limitMs(status) ?? 0));
    await extendDeadline(sql, { id: environment.id, reason: verdict.reason, until });
    return null;
  }
  const by = { by: "control-plane", actor: "control-plane", now } as const;
  const hostId = verdict.stops ? await stopPlacementOf(sql, environment.id, by) : null;
  await moveEnvironment(sql, {
    environment,
    to: verdict.status,
    reason: verdict.reason,
    actor: by.actor,
    now,
    hostId: environment.host_id,
  });
  return hostId;
}
