/**
 * What people order of inference services: a new one, that one starts, stops, has so many replicas, scales by itself or
 * not, and goes. Each is one step of a transaction that holds the service, and writes down a wish; what its replicas make
 * of that is the loop's (controllers/inference/replicas.ts).
 */
import type { Points } from "@remotegpu/shared/values/money";
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import { WAITING_FOR_PLACE } from "../../core/queue/waiting-reasons.ts";
import { isWanted } from "../../core/inference/wanted-replicas.ts";
import { hourlyPrice } from "../../core/orders/prices/price-lines.ts";
import type { NewId } from "../../core/workloads/new-id.ts";
import type { Transaction } from "../database/database.ts";
import type { EmptyFleet } from "../fleet/empty-fleet.ts";
import {
  firstReplicas,
  insertService,
  markServiceDeleted,
  type NewService,
  orderOfNewService,
} from "../inference/new-services.ts";
import { dismissAll, makeReplicas } from "../inference/replicas/replica-moves.ts";
import { heldVersions } from "../inference/rollouts.ts";
import { SERVICE_STORE } from "../inference/service-kind.ts";
import { isScaledByItself, orderOfReplica, type ServiceOrderRow } from "../inference/service-orders.ts";
import { noteScaled } from "../inference/scalings.ts";
import { changeReplicaRequests, failuresOf, wantedIn } from "../inference/replica-requests.ts";
import { placementsNotGone } from "../workloads/instances/workload-placements.ts";
import { checkMoreWaiting, checkOrders } from "./checks/order-checks.ts";
import { orderImpossibilities } from "./checks/order-impossibility.ts";
import { boundToSpec } from "./checks/spec-model.ts";
import type { OrderOutcome, RefusedOrder } from "./environment-orders.ts";
import { type OrderContext, removeInstances, stopInstances } from "./workload-stops.ts";
import { statusPhrase, type GivenReason } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";

interface ServiceOrder {
  order: NewService;
  /** The owner of its workspace. */
  payerId: number;
  /** As if nothing ran on it: what never fits it is refused. */
  fleet: EmptyFleet;
  context: OrderContext;
  newId: NewId;
}

/** It passes where its first replicas would, one beside the other. Answers what an hour of these costs at most. */
export async function orderService(
  sql: Transaction,
  { order, payerId, fleet, context, newId }: ServiceOrder,
): Promise<{ done: true; hourly: Points } | RefusedOrder> {
  const { actor, now } = context;
  const bound = await boundToSpec(sql, order);
  if ("done" in bound) return bound;
  const requested = orderOfNewService(bound, payerId);
  const [impossible] = await orderImpossibilities(sql, [{ order: requested, fleet }], now);
  if (impossible != null) return { done: false, refusal: "impossible", impossibility: impossible };
  const count = firstReplicas(bound);
  const together = Array.from({ length: count }, () => requested);
  let hourly: Points = 0n;
  for (const check of await checkOrders(sql, together, { models: fleet.models, now })) {
    if (!check.passed) return { done: false, refusal: "check", check };
    hourly += check.lines.reduce((sum, lines) => sum + hourlyPrice(lines), 0n);
  }
  await insertService(sql, bound, { actor, now, reason: WAITING_FOR_PLACE });
  await makeReplicas(sql, { service: bound, creations: [{ revision: 1, count }], newId, now });
  return { done: true, hourly };
}

/** With as many replicas as before its stop; it must pass as at any order. */
export async function startService(
  sql: Transaction,
  service: ServiceOrderRow,
  context: OrderContext & { fleet: EmptyFleet; newId: NewId },
): Promise<OrderOutcome> {
  if (service.status !== "stopped" && service.status !== "error")
    return refused({ code: "service-is", params: { status: statusPhrase(service.status) } });
  if (!service.has_revisions) return refused("service-of-old-system");
  if (service.orderer_id === null) return refused("actor-account-gone");
  const { fleet, newId, now } = context;
  const order = { ...orderOfReplica(service), id: null };
  const [impossible] = await orderImpossibilities(sql, [{ order, fleet }], now);
  if (impossible != null) return { done: false, refusal: "impossible", impossibility: impossible };
  const count = (await wantedIn(sql, [{ id: service.id, status: "creating" }])).get(service.id) ?? 0;
  const together = Array.from({ length: count }, () => order);
  for (const check of await checkOrders(sql, together, { models: fleet.models, now }))
    if (!check.passed) return { done: false, refusal: "check", check };
  const { serving_revision: revision } = await heldVersions(sql, service.id);
  // What its replicas failed of is not over because somebody starts it: the next one waits out the same pause.
  const { failures, until } = await failuresOf(sql, service.id);
  const isPaused = until !== null && until > now;
  const reason = isPaused ? pausedReason(failures, until) : WAITING_FOR_PLACE;
  await move(sql, service, { to: "creating", reason }, context);
  if (!isPaused)
    await makeReplicas(sql, { service: named(service), creations: [{ revision, count }], newId, now });
  return { done: true, hostIds: [] };
}

function pausedReason(failures: number, until: Date): Reason {
  return { code: "replicas-paused", params: { failures, until: `${until.toISOString().slice(0, 19)}Z` } };
}

/** All its replicas go. Those that wait for a place are done without at once. */
export async function stopService(
  sql: Transaction,
  service: ServiceOrderRow,
  context: OrderContext,
): Promise<OrderOutcome> {
  const { status } = service;
  if (status === "error") return refused("service-ended-with-error");
  if (!isWanted(status))
    return refused({ code: "service-already", params: { status: statusPhrase(status) } });
  const { actor, now } = context;
  const isHeld = (await placementsNotGone(sql, nameOf(service))).some(({ is_held: holds }) => holds);
  const hostIds = await stopInstances(sql, nameOf(service), context);
  await dismissAll(sql, service.id, { why: { code: "stopped-by", params: { actor } }, now });
  const to = isHeld ? "stopping" : "stopped";
  const waits: Reason | null = isHeld ? { code: "replicas-stopping", params: {} } : null;
  await move(sql, service, { to, reason: context.reason ?? waits }, context);
  return { done: true, hostIds };
}

/** Within its bounds. A stopped one has as many when it starts. */
export async function scaleService(
  sql: Transaction,
  service: ServiceOrderRow,
  { replicas, actor, now }: OrderContext & { replicas: number },
): Promise<OrderOutcome> {
  const { id } = service;
  if (isScaledByItself(service))
    return refused({
      code: "service-scales-itself",
      params: { request: `POST /inference-services/${id}/pause` },
    });
  const from = service.replicas;
  const crowded = await crowdedBy(sql, service, replicas - from);
  if (crowded !== null) return crowded;
  const to = await changeReplicaRequests(sql, id, { people: replicas });
  const why: Reason = { code: "replicas-set-by", params: { replicas, actor } };
  if (to !== from) await noteScaled(sql, { service: named(service), from, to, why, actor, now });
  return { done: true, hostIds: [] };
}

/** Where more replicas would wait than its payer may have waiting; null where there is room in the line. */
export async function crowdedBy(
  sql: Transaction,
  { status, payer_id: payerId }: ServiceOrderRow,
  more: number,
): Promise<RefusedOrder | null> {
  if (more <= 0 || !isWanted(status)) return null;
  const check = await checkMoreWaiting(sql, { payerId, more });
  return check === null ? null : { done: false, refusal: "check", check };
}

/** While it is paused, its replicas are as many as people ask for, beginning with as many as there are. */
export async function pauseService(sql: Transaction, service: ServiceOrderRow): Promise<OrderOutcome> {
  return await setPaused(sql, service, true);
}

export async function resumeService(sql: Transaction, service: ServiceOrderRow): Promise<OrderOutcome> {
  return await setPaused(sql, service, false);
}

async function setPaused(
  sql: Transaction,
  { id, autoscaling_enabled: isOn, autoscaling_config: config }: ServiceOrderRow,
  paused: boolean,
): Promise<OrderOutcome> {
  if (!isOn) return refused("service-not-scaling");
  await changeReplicaRequests(sql, id, { config: { ...config, paused } });
  return { done: true, hostIds: [] };
}

/** Legal in every status. Its hosts remove what they still have of it. */
export async function deleteService(
  sql: Transaction,
  service: ServiceOrderRow,
  context: OrderContext,
): Promise<OrderOutcome> {
  const reason: Reason = { code: "deleted-by", params: { actor: context.actor } };
  const hostIds = await removeInstances(sql, nameOf(service), context);
  await dismissAll(sql, service.id, { why: reason, now: context.now });
  if (service.status !== "stopped") await move(sql, service, { to: "stopped", reason }, context);
  await markServiceDeleted(sql, service.id, context.now);
  return { done: true, hostIds };
}

async function move(
  sql: Transaction,
  service: ServiceOrderRow,
  { to, reason }: { to: InferenceServiceStatus; reason: Reason | null },
  { by, actor, now }: OrderContext,
): Promise<void> {
  const { id, status, customer_id: customerId, status_deadline_at: deadlineAt } = service;
  const workload = { id, status, customerId, deadlineAt };
  await SERVICE_STORE.move(sql, [{ workload, to, reason, actor, now, cause: { by, exitCode: null } }]);
}

function named({ id, customer_id: customerId }: ServiceOrderRow): { id: string; customerId: number } {
  return { id, customerId };
}

function nameOf({ id }: ServiceOrderRow) {
  return { kind: "inference", id } as const;
}

function refused(reason: GivenReason): RefusedOrder {
  return { done: false, refusal: "wrong-state", reason };
}
