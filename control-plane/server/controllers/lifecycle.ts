/**
 * One pass over what has lasted too long or is due to end: statuses past their deadline, deletions of which nothing
 * is left, hosts to be empty by now, loops of restarts that are over, workloads of the old system, idempotency keys of
 * yesterday, tickets and sessions whose time is over, the access log of months ago. What hosts report moves environments on by itself
 * (store/reports/observed.ts).
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { rulesOf } from "../core/workloads/kinds.ts";
import { forgetExpiredSessions } from "../store/accounts/browser-sessions.ts";
import { forgetEndedSessions } from "../store/accounts/ended-sessions.ts";
import { setting } from "../store/accounts/settings.ts";
import type { Database, Transaction } from "../store/database/database.ts";
import { transaction } from "../store/database/transaction.ts";
import { stopInstances } from "../store/orders/workload-stops.ts";
import { endSessionsOfDeadGateways } from "../store/environments/access/access-ends.ts";
import { forgetOldAccess } from "../store/environments/access/access-log.ts";
import { endExpiredTickets, environmentsOfExpired } from "../store/environments/access/ssh-tickets.ts";
import { noteTicket } from "../store/environments/access/ticket-events.ts";
import { holdEntered, notifyEntered } from "../store/environments/entry-changes.ts";
import { completeDeletions } from "../store/environments/environment-deletions.ts";
import { dueDrains, endDrain } from "../store/reports/host-drain.ts";
import { forgetOldKeys } from "../store/orders/idempotency.ts";
import { assertTerm } from "../store/database/leader.ts";
import { extendDeadline, type OverdueWorkload, overdueWorkloads } from "../store/workloads/deadlines.ts";
import { storeOf } from "../store/workloads/kinds.ts";
import { placementsNotGone } from "../store/workloads/instances/workload-placements.ts";
import { endCalmLoops } from "../store/reports/runs/crash-loops.ts";
import {
  releaseOldLeases,
  settleEnvironments,
  settleHosts,
  settleInferenceServices,
  settleTrainingJobs,
} from "../store/workloads/old-workloads.ts";

/** A pass takes this many; the next one goes on. */
const MAX_OVERDUE = 200;
/** The workloads of each kind, likewise. */
const MAX_SETTLED = 500;
const MAX_DRAINS = 20;
const MAX_TICKETS = 200;
/** The sessions of each kind, tickets and attempts, likewise. */
const MAX_FORGOTTEN = 1000;
/** What the old system left, each in a transaction of its own. */
const SETTLEMENTS = [
  settleEnvironments,
  settleTrainingJobs,
  settleInferenceServices,
  settleHosts,
  releaseOldLeases,
];

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
  for (const overdue of await overdueWorkloads(db, { now: pass.now, limit: MAX_OVERDUE })) {
    const hostIds = await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      return await endOverdue(sql, overdue, pass.now);
    });
    for (const hostId of hostIds) nudge(hostId as HostId);
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
    await forgetExpiredSessions(sql, { now: pass.now, limit: MAX_FORGOTTEN });
    await forgetEndedSessions(sql, { now: pass.now, limit: MAX_FORGOTTEN });
  });
  for (const environmentId of await environmentsOfExpired(db, { now: pass.now, limit: MAX_TICKETS })) {
    const hostIds = await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      return await expireTickets(sql, environmentId, pass.now);
    });
    for (const hostId of hostIds) nudge(hostId as HostId);
  }
  await transaction(db, async (sql) => {
    await assertTerm(sql, pass.term);
    await endSessionsOfDeadGateways(sql, pass.now);
    await forgetAccess(sql, pass.now);
  });
  for (const settle of SETTLEMENTS)
    await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      await settle(sql, { now: pass.now, limit: MAX_SETTLED });
    });
}

/** Answers the hosts to tell. Each has held to its end by itself; from now on it is not told of it either. */
async function expireTickets(sql: Transaction, environmentId: string, now: Date): Promise<string[]> {
  const by = { actor: "control-plane", now };
  const entered = await holdEntered(sql, { environmentId });
  for (const ticket of await endExpiredTickets(sql, { environmentId, now }))
    await noteTicket(sql, ticket, { old: "open", ...by });
  return await notifyEntered(sql, entered, by);
}

async function forgetAccess(sql: Transaction, now: Date): Promise<void> {
  const days = Number(await setting(sql, "ACCESS_LOG_DAYS"));
  await forgetOldAccess(sql, { before: new Date(now.getTime() - days * MS_PER_DAY), limit: MAX_FORGOTTEN });
}

/** Answers the hosts whose desired sets changed. */
async function endOverdue(
  sql: Transaction,
  { kind, id, hostName }: OverdueWorkload,
  now: Date,
): Promise<string[]> {
  const workload = await storeOf(kind).lock(sql, id);
  if (workload === null || workload.deadlineAt === null || workload.deadlineAt > now) return [];
  const rules = rulesOf(kind);
  const verdict = rules.afterDeadline(workload.status, hostName ?? "unknown");
  if (verdict === null) return [];
  const { status, reason, stops } = verdict;
  if (status === workload.status) {
    const until = new Date(now.getTime() + (rules.limitMs(status) ?? 0));
    await extendDeadline(sql, { kind, id, reason, until });
    return [];
  }
  const by = { by: verdict.by ?? "control-plane", actor: "control-plane", now } as const;
  const hostIds = stops ? await stopInstances(sql, { kind, id }, { ...by, reason }) : [];
  const [held] = await placementsNotGone(sql, { kind, id });
  await storeOf(kind).move(sql, [
    { workload, to: status, reason, actor: by.actor, now, hostId: held?.host_id ?? null },
  ]);
  return hostIds;
}
