/**
 * One pass over services that scale by themselves: each is looked at, what was seen is kept for the next look, and where
 * another number is decided that is written down as a wish. What is decided from a page is decided anew under the service's
 * lock, all of it in one transaction: whoever is killed in between leaves the look before.
 */
import type { Log } from "@remotegpu/shared/log";
import {
  type GatewayLoad,
  type ScalingCheck,
  checkScaling,
} from "../../core/inference/autoscaling/scaling-check.ts";
import type { Database, Transaction } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm, LeadershipLostError } from "../../store/database/leader.ts";
import { type GatewayReport, gatewayReports } from "../../store/gateway/reports.ts";
import {
  type FoundService,
  storeScalingChecks,
  scaledService,
  scaledServices,
} from "../../store/inference/scaled-services.ts";
import { noteScaled } from "../../store/inference/scalings.ts";
import { SERVICE_STORE } from "../../store/inference/service-kind.ts";
import { changeReplicaRequests } from "../../store/inference/replica-requests.ts";

/** A pass takes this many at a time; it goes on behind them. */
const PAGE = 500;
const ACTOR = "autoscaling";

export interface AutoscalingDeps {
  db: Database;
  log: Log;
}

interface Pass {
  term: number;
  now: Date;
}

/**
 * True where another number is wanted: replicas should be looked at.
 * @throws LeadershipLostError when another replica leads by now; StoreError when nothing can be read
 */
export async function autoscalingPass({ db, log }: AutoscalingDeps, pass: Pass): Promise<boolean> {
  let after: string | null = null;
  let hasChanged = false;
  do {
    const page: FoundService[] = await scaledServices(db, { after, limit: PAGE });
    hasChanged = (await inspect({ db, log }, pass, page)) || hasChanged;
    after = page.length < PAGE ? null : (page.at(-1)?.id ?? null);
  } while (after !== null);
  return hasChanged;
}

async function inspect({ db, log }: AutoscalingDeps, pass: Pass, page: FoundService[]): Promise<boolean> {
  if (page.length === 0) return false;
  const nowMs = pass.now.getTime();
  const reports = await gatewayReports(
    db,
    page.map(({ id }) => id),
    pass.now,
  );
  const checks = page.map((service) => ({
    ...service,
    check: checkScaling(service, loadsOf(service.id, reports), nowMs),
  }));
  const staying = checks.filter(({ check: { decision } }) => decision.kind !== "scales");
  await transaction(db, async (sql) => {
    await assertTerm(sql, pass.term);
    await storeScalingChecks(sql, staying);
    for (const one of staying) await explainPlan(sql, one, pass.now);
  });
  let hasChanged = false;
  for (const { id } of checks.filter(({ check: { decision } }) => decision.kind === "scales"))
    hasChanged = (await scale({ db, log }, pass, { id, gateways: loadsOf(id, reports) })) || hasChanged;
  return hasChanged;
}

/** What fails for one is logged and left for the next pass; the others go on. */
async function scale(
  { db, log }: AutoscalingDeps,
  { term, now }: Pass,
  { id, gateways }: { id: string; gateways: GatewayLoad[] },
): Promise<boolean> {
  try {
    return await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      const service = (await SERVICE_STORE.lock(sql, id)) && (await scaledService(sql, id));
      if (service === null) return false;
      const anew = checkScaling(service, gateways, now.getTime());
      await storeScalingChecks(sql, [{ id, check: anew }]);
      const { decision, from } = anew;
      if (decision.kind !== "scales") return false;
      const { replicas, sentence: why } = decision;
      const asleep = replicas === 0 && { woken_at: null };
      const to = await changeReplicaRequests(sql, id, { load_replicas: replicas, ...asleep });
      await noteScaled(sql, { service, from, to, why, actor: ACTOR, now });
      return true;
    });
  } catch (error) {
    if (error instanceof LeadershipLostError) throw error;
    log.error({ error, id }, "what a service's load calls for was not written down");
    return false;
  }
}

async function explainPlan(
  sql: Transaction,
  { check: { decision, from }, ...service }: FoundService & { check: ScalingCheck },
  now: Date,
): Promise<void> {
  if (decision.kind !== "would-scale") return;
  const { replicas: to, sentence: why } = decision;
  await noteScaled(sql, { service, from, to, why, actor: ACTOR, now }, { isDone: false });
}

function loadsOf(serviceId: string, reports: readonly GatewayReport[]): GatewayLoad[] {
  return reports.map(({ gatewayId, reported }) => {
    if (reported === null) return { id: gatewayId, reported: null };
    const { inFlight = 0, held = 0, requests = 0 } = reported.services[serviceId] ?? {};
    return { id: gatewayId, reported: { at: reported.at.getTime(), inFlight, held, requests } };
  });
}
