/**
 * What people order of a service's versions: another one, and the one before. Each writes down a wish; how its replicas
 * come to it is the loop's (controllers/inference/replicas.ts). Of a service of which none is wanted the next start is of
 * the other version, and one in error starts with it at once.
 */
import {
  changedTemplate,
  isSameTemplate,
  type StoredTemplate,
  type Template,
  type TemplateChange,
} from "../../core/inference/revision-template.ts";
import { begunSentence, completedSentence } from "../../core/inference/rollout/rollout-words.ts";
import {
  beginRollback,
  beginRollout,
  settledAtOnce,
  type Versions,
} from "../../core/inference/rollout/versions.ts";
import { isWanted } from "../../core/inference/wanted-replicas.ts";
import type { EnvVarSeal } from "../../core/secrets/env-var-seal.ts";
import type { NewId } from "../../core/workloads/new-id.ts";
import type { Transaction } from "../database/database.ts";
import type { EmptyFleet } from "../fleet/empty-fleet.ts";
import { insertRevision, serviceTemplate } from "../inference/revisions.ts";
import {
  heldVersions,
  namesOf,
  noteTurn,
  requestRollout,
  type OfRollout,
  versionsOf,
} from "../inference/rollouts.ts";
import {
  atRevision,
  lockServiceOrders,
  orderOfReplica,
  type ServiceOrderRow,
} from "../inference/service-orders.ts";
import { noteFailures } from "../inference/replica-requests.ts";
import { checkOrders } from "./checks/order-checks.ts";
import { orderImpossibilities } from "./checks/order-impossibility.ts";
import { boundToSpec } from "./checks/spec-model.ts";
import type { OrderOutcome, RefusedOrder } from "./environment-orders.ts";
import { startService } from "./inference-orders.ts";
import type { OrderContext } from "./workload-stops.ts";
import type { GivenReason } from "../../core/reasons/plain-reason.ts";

interface Deed {
  allowsGap: boolean;
  /** As if nothing ran on it: what never fits it is refused. */
  fleet: EmptyFleet;
  context: OrderContext;
  newId: NewId;
}

/**
 * @param seal of variables: what is changed and compared are their values, whose seals differ each time
 * @param refuseFaults throws where what the change makes contradicts itself
 */
export async function upgradeService(
  sql: Transaction,
  service: ServiceOrderRow,
  {
    change,
    seal,
    refuseFaults,
    ...deed
  }: Deed & { change: TemplateChange; seal: EnvVarSeal; refuseFaults: (template: Template) => void },
): Promise<OrderOutcome> {
  const refusal = refusalOf(service);
  if (refusal !== null) return refusal;
  const versions = versionsOf(await heldVersions(sql, service.id));
  const from = newestRequest(versions);
  const stored = await serviceTemplate(sql, service.id, from);
  if (stored === null) throw new Error(`service ${service.id} has no revision ${from}`);
  const owner = { customerId: service.customer_id };
  const envVars = seal.open(stored.envVars, owner);
  if (envVars === null) return wrongState("env-vars-unreadable");
  const base: Template = { ...stored, envVars };
  const bound = await boundToSpec(sql, changedTemplate(base, change));
  if ("done" in bound) return bound;
  refuseFaults(bound);
  const sealed = { ...bound, envVars: seal.seal(bound.envVars, owner) };
  const unfit = await unfitness(sql, service, { template: sealed, ...deed });
  if (unfit !== null) return unfit;
  const { actor, now } = deed.context;
  const target = isSameTemplate(base, bound)
    ? from
    : await insertRevision(sql, service.id, { template: sealed, actor, now });
  const begun = beginRollout(versions, target, deed);
  return begun.begun
    ? await turn(sql, service, { before: versions, requested: begun.versions, ...deed })
    : wrongState(begun.why);
}

/** To the version before; of one on its way that is the one that serves. */
export async function rollbackService(
  sql: Transaction,
  service: ServiceOrderRow,
  deed: Deed,
): Promise<OrderOutcome> {
  const refusal = refusalOf(service);
  if (refusal !== null) return refusal;
  const versions = versionsOf(await heldVersions(sql, service.id));
  const begun = beginRollback(versions, deed);
  if (!begun.begun) return wrongState(begun.why);
  const requested = begun.versions;
  if (service.status === "error") {
    // It starts at once: what keeps it from that is said before anything is written.
    const template = await serviceTemplate(sql, service.id, settledAtOnce(requested).serving);
    const unfit = template && (await unfitness(sql, service, { template, ...deed }));
    if (unfit !== null) return unfit;
  }
  return await turn(sql, service, { before: versions, requested, ...deed });
}

function refusalOf({ has_revisions: isOurs, orderer_id: actorId }: ServiceOrderRow): RefusedOrder | null {
  if (!isOurs) return wrongState("service-of-old-system");
  return actorId === null ? wrongState("actor-account-gone") : null;
}

/** What people asked for last, unless it is being taken back. */
function newestRequest({ serving, rollout }: Versions): number {
  return rollout === null || rollout.cause !== null ? serving : rollout.target;
}

/** For each replica to meet: one beyond them waits, and says so. An upgrade makes no more of them than are wanted. */
const FOR_EACH_REPLICA: ReadonlySet<string> = new Set(["quota", "funds", "waiting"]);

/** Whatever of a new version keeps every replica of it from a start. */
async function unfitness(
  sql: Transaction,
  service: ServiceOrderRow,
  { template, fleet, context: { now } }: Pick<Deed, "fleet" | "context"> & { template: StoredTemplate },
): Promise<RefusedOrder | null> {
  const { image, cpu, memory, gpu, config } = template;
  const requested = { image, cpu, memory, gpu, config, env_vars: { ...template.envVars } };
  const replica = atRevision(service, {
    ...requested,
    gpu_memory: template.gpuMemory,
    model_id: template.modelId,
  });
  const order = { ...orderOfReplica(replica), id: null };
  const [impossible] = await orderImpossibilities(sql, [{ order, fleet }], now);
  if (impossible != null) return { done: false, refusal: "impossible", impossibility: impossible };
  for (const check of await checkOrders(sql, [order], { models: fleet.models, now }))
    if (!check.passed && !FOR_EACH_REPLICA.has(check.obstacle))
      return { done: false, refusal: "check", check };
  return null;
}

async function turn(
  sql: Transaction,
  service: ServiceOrderRow,
  { before, requested, fleet, context, newId }: Deed & { before: Versions; requested: Versions },
): Promise<OrderOutcome> {
  const { rollout } = requested;
  if (rollout === null) throw new Error("a rollout that is begun is there");
  const { actor, now } = context;
  const of: OfRollout = { service: { id: service.id, customerId: service.customer_id }, actor, now };
  const names = namesOf(await heldVersions(sql, service.id));
  await requestRollout(sql, of, {
    before,
    rollout,
    reported: begunSentence({ versions: before, names }, rollout),
  });
  if (isWanted(service.status)) return { done: true, hostIds: [] };
  const after = settledAtOnce(requested);
  // What failed of the version before says nothing of another one.
  if (after.serving !== before.serving) await noteFailures(sql, service.id, { failures: 0, until: null });
  const isBack = rollout.cause !== null;
  await noteTurn(sql, of, {
    before: requested,
    after,
    ended: isBack ? "reverted" : "completed",
    cause: rollout.cause,
    reported: isBack ? null : completedSentence({ versions: before, names, wanted: 0 }, after.serving),
  });
  if (service.status !== "error") return { done: true, hostIds: [] };
  const row = (await lockServiceOrders(sql, [service.id])).get(service.id);
  if (row === undefined) throw new Error(`service ${service.id} vanished within its own transaction`);
  return await startService(sql, row, { ...context, fleet, newId });
}

function wrongState(reason: GivenReason): RefusedOrder {
  return { done: false, refusal: "wrong-state", reason };
}
