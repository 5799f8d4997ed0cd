/**
 * One pass over inference services: their replicas are read as they stand and laid before the rules, which say what is
 * made, what goes and what that makes of the service. What was decided from a page is decided anew under the service's
 * lock, so that a wish which came meanwhile counts.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { isSameValue } from "@remotegpu/shared/values/same-value";
import { type ServicePlan, servicePlan } from "../../core/inference/service-plan.ts";
import type { NewId } from "../../core/workloads/new-id.ts";
import type { Connection, Database, Transaction } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm, LeadershipLostError } from "../../store/database/leader.ts";
import { announceDrains, beginDrains, makeReplicas } from "../../store/inference/replicas/replica-moves.ts";
import {
  type ServiceSnapshot,
  serviceSnapshot,
  serviceSnapshots,
} from "../../store/inference/replicas/replicas.ts";
import { isOther, noteTurn } from "../../store/inference/rollouts.ts";
import { SERVICE_STORE } from "../../store/inference/service-kind.ts";
import { answersByRevision } from "../../store/inference/gateway/traffic.ts";
import { noteFailures } from "../../store/inference/replica-requests.ts";
import { skipPoolsOfOthers } from "../../store/workloads/place-skips.ts";
import { dismissReplicas } from "../../store/orders/replica-dismissals.ts";

/** A pass takes this many at a time; it goes on behind them. */
const PAGE = 500;

export interface ReplicasDeps {
  db: Database;
  newId: NewId;
  nudge: (host: HostId) => void;
  log: Log;
}

interface Pass {
  term: number;
  now: Date;
}

/**
 * True where one was made or went: the scheduler should look.
 * @throws LeadershipLostError when another replica leads by now; StoreError when nothing can be read
 */
export async function replicasPass(deps: ReplicasDeps, pass: Pass): Promise<boolean> {
  let after: string | null = null;
  let hasChanged = false;
  do {
    const page: ServiceSnapshot[] = await serviceSnapshots(deps.db, { after, limit: PAGE, now: pass.now });
    for (const service of page) hasChanged = (await settle(deps, pass, service)) || hasChanged;
    after = page.length < PAGE ? null : (page.at(-1)?.id ?? null);
  } while (after !== null);
  return hasChanged;
}

/** What fails for one is logged and left for the next pass; the others go on. */
async function settle(deps: ReplicasDeps, pass: Pass, seen: ServiceSnapshot): Promise<boolean> {
  const { db, nudge, log } = deps;
  try {
    // Whoever began them ended before gateways could be asked to follow.
    if (seen.replicas.some(({ drain }) => drain !== null && drain.announcedAt === null))
      await announceDrains(db, seen.id);
    // Most call for nothing: that is seen without a lock.
    if (isIdle(seen, await planOf(db, seen))) return false;
    const done = await transaction(db, async (sql) => {
      await assertTerm(sql, pass.term);
      return await settleLocked(sql, deps, { id: seen.id, now: pass.now });
    });
    for (const hostId of done.hostIds) nudge(hostId as HostId);
    if (done.isDraining) await announceDrains(db, seen.id);
    return done.hasChanged;
  } catch (error) {
    if (error instanceof LeadershipLostError) throw error;
    log.error({ error, id: seen.id }, "what a service's replicas call for was not written down");
    return false;
  }
}

/** A rollout that goes forward is judged by what its replicas answer, too. */
async function planOf(sql: Connection, service: ServiceSnapshot): Promise<ServicePlan> {
  const { id, versions, rolloutBeganAt: since } = service;
  const isTried = since !== null && versions.rollout?.cause === null;
  const answers = isTried ? await answersByRevision(sql, id, since) : new Map<number, never>();
  return servicePlan({ ...service, answers });
}

function isIdle({ state, reason, versions: { rollout } }: ServiceSnapshot, plan: ServicePlan): boolean {
  const after = plan.versions.rollout;
  return (
    plan.creations.length === 0 &&
    plan.draining.length === 0 &&
    plan.leaving.length === 0 &&
    plan.becomes === null &&
    plan.ended === null &&
    (rollout === null || after === null || !isOther(rollout, after)) &&
    plan.failures === state.failures &&
    (plan.sentence === undefined || isSameValue(plan.sentence, reason))
  );
}

async function settleLocked(
  sql: Transaction,
  { newId }: Pick<ReplicasDeps, "newId">,
  { id, now }: { id: string; now: Date },
): Promise<{ hasChanged: boolean; isDraining: boolean; hostIds: string[] }> {
  const workload = await SERVICE_STORE.lock(sql, id);
  const service = workload && (await serviceSnapshot(sql, id, now));
  if (workload === null || service === null) return { hasChanged: false, isDraining: false, hostIds: [] };
  const { state, versions } = service;
  const plan = await planOf(sql, service);
  const { creations, draining, leaving, failures, pauseMs, becomes, sentence } = plan;
  const drainingOn = await beginDrains(sql, { service: workload, draining, now });
  const hostIds = await dismissReplicas(sql, { service: workload, leaving, now });
  await makeReplicas(sql, { service: workload, creations, newId, now });
  if (creations.length > 0) await skipPoolsOfOthers(sql, { workload: { kind: "inference", id }, now });
  const turn = { ...plan, before: versions, after: plan.versions };
  await noteTurn(sql, { service: workload, actor: "control-plane", now }, turn);
  if (failures !== state.failures || pauseMs !== null)
    await noteFailures(sql, id, {
      failures,
      until: pauseMs === null ? null : new Date(now.getTime() + pauseMs),
    });
  if (becomes !== null)
    await SERVICE_STORE.move(sql, [
      { workload, to: becomes.status, reason: becomes.reason, actor: "control-plane", now },
    ]);
  else if (sentence !== undefined)
    await SERVICE_STORE.explain(sql, { id, status: state.status, reason: sentence });
  return {
    hasChanged: creations.length > 0 || leaving.length > 0 || becomes !== null,
    isDraining: draining.length > 0,
    hostIds: [...drainingOn, ...hostIds],
  };
}
