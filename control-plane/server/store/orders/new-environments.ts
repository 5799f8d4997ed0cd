/** Environments' first orders: checked, bound to their specs, and written down as queued; many as one. */
import { type Order, resourcesOf } from "../../core/orders/order.ts";
import { WAITING_FOR_PLACE } from "../../core/queue/waiting-reasons.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { checkOrders } from "./checks/order-checks.ts";
import type { RefusedOrder } from "./environment-orders.ts";
import type { OrderContext } from "./workload-stops.ts";
import { boundToSpecsOf } from "./checks/spec-model.ts";
import { orderImpossibilities } from "./checks/order-impossibility.ts";
import type { EmptyFleet } from "../fleet/empty-fleet.ts";
import {
  type EnvironmentRow,
  environmentsById,
  insertEnvironments,
  type NewEnvironment,
} from "../environments/environments.ts";

export interface FirstOrder {
  order: NewEnvironment;
  /** As if nothing ran on it: what never fits it is refused. */
  fleet: EmptyFleet;
  payerId: number;
  context: OrderContext;
}

export type FirstOrderOutcome = { done: true; environment: EnvironmentRow } | RefusedOrder;

/** Their outcomes in their order; each counts those before it. One that is refused is no other one's matter. */
export async function orderEnvironments(
  sql: Transaction,
  orders: readonly FirstOrder[],
): Promise<FirstOrderOutcome[]> {
  const now = new Date(Math.max(...orders.map(({ context }) => context.now.getTime())));
  const bound = await possibleOnes(sql, await boundToSpecs(sql, orders), now);
  const sound = bound.filter(isSound);
  const models = orders.at(-1)?.fleet.models ?? [];
  const checks = await checkOrders(sql, sound.map(orderOf), { models, now });
  const passed = sound.filter((_, index) => checks[index]?.passed === true);
  const [, made] = await Promise.all([
    insertEnvironments(
      sql,
      passed.map(({ order, context: { actor, now: at, traceId = null } }) => ({
        order,
        actor,
        now: at,
        traceId,
      })),
      WAITING_FOR_PLACE,
    ),
    environmentsById(
      sql,
      passed.map(({ order }) => order.id),
    ),
  ]);
  const outcomes = new Map(sound.map((one, index) => [one, checks[index]]));
  return bound.map((one) => {
    if (!isSound(one)) return one;
    const check = outcomes.get(one);
    if (check?.passed === false) return { done: false, refusal: "check", check };
    return { done: true, environment: made.get(one.order.id) as EnvironmentRow };
  });
}

/** Specs are read once for all of them. */
async function boundToSpecs(
  sql: Connection,
  orders: readonly FirstOrder[],
): Promise<(FirstOrder | RefusedOrder)[]> {
  const bound = await boundToSpecsOf(
    sql,
    orders.map(({ order }) => order),
  );
  return orders.map((one, index) => {
    const order = bound[index];
    return order === undefined || "done" in order ? (order ?? one) : { ...one, order };
  });
}

function isSound(one: FirstOrder | RefusedOrder): one is FirstOrder {
  return !("done" in one);
}

async function possibleOnes(
  sql: Connection,
  orders: readonly (FirstOrder | RefusedOrder)[],
  now: Date,
): Promise<(FirstOrder | RefusedOrder)[]> {
  const sound = orders.filter(isSound);
  const requested = sound.map((one) => ({ order: orderOf(one), fleet: one.fleet }));
  const answers = await orderImpossibilities(sql, requested, now);
  const found = new Map(sound.map((one, index) => [one, answers[index] ?? null]));
  return orders.map((one) => {
    const impossibility = isSound(one) ? (found.get(one) ?? null) : null;
    return impossibility === null ? one : { done: false, refusal: "impossible", impossibility };
  });
}

function orderOf({ order, payerId }: FirstOrder): Order {
  const { gpuMemory, tempStorage, ...requested } = order;
  return {
    ...resourcesOf({ ...requested, gpu_memory: gpuMemory, temp_storage: tempStorage }),
    kind: "environment",
    id: null,
    customerId: order.customerId,
    workspaceId: order.workspaceId,
    payerId,
    image: order.image,
    hostLabels: order.config.host_labels ?? {},
    storagePool: null,
    distinctHosts: false,
    datasets: order.mountedDatasets,
    models: order.mountedModels,
  };
}
