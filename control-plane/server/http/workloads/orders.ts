/**
 * What every order for a workload begins and ends with, whatever its kind: who gives it, why it was not taken, and who
 * has to hear of it.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { OrderField } from "../../core/orders/prices/price-lines.ts";
import type { RefusedOrder } from "../../store/orders/environment-orders.ts";
import type { OrderContext } from "../../store/orders/workload-stops.ts";
import type { ApiContext } from "../deps.ts";
import { ApiRefusal, badField, conflict } from "../request/refusal.ts";

export function orderContextOf(c: ApiContext): OrderContext {
  const { actor, deps, traceId } = c.var;
  const by = actor.isAdmin ? "admin" : "customer";
  return { by, actor: `${by} ${actor.customerId}`, now: deps.now(), traceId };
}

/** Places come free within minutes at the earliest. */
const WAITING_RETRY_SECONDS = 60;

/** @throws ApiRefusal saying why the order was not taken */
export function refuseUnlessDone<Done extends { done: true }>(outcome: Done | RefusedOrder): Done {
  if (outcome.done) return outcome;
  if (outcome.refusal === "wrong-state") throw conflict(outcome.reason);
  if (outcome.refusal === "impossible")
    throw badField(outcome.impossibility.field, {
      code: "order-never-fits",
      params: { why: outcome.impossibility.reason },
    });
  const { check } = outcome;
  switch (check.obstacle) {
    case "image":
      throw badField("image", check.detail);
    case "mount-not-ready":
    case "quota":
      throw conflict(check.detail);
    case "mount-not-found":
      throw new ApiRefusal("not-found", check.detail);
    case "price":
      throw badField(pathOf(check.field), check.detail);
    case "funds":
      throw new ApiRefusal("no-funds", check.detail);
    case "waiting":
      throw new ApiRefusal("too-many-requests", check.detail, {
        retryAfterSeconds: WAITING_RETRY_SECONDS,
      });
  }
}

const OF_CONFIG: readonly OrderField[] = ["spec", "gpu_model", "max_price_per_hour"];

/** Where the body of an order has that field. */
function pathOf(field: OrderField): string {
  return OF_CONFIG.includes(field) ? `config.${field}` : field;
}

/** Tells the hosts and our own loops about an order that was taken. */
export function notifyOf(c: ApiContext, hostIds: readonly string[]): void {
  const { link } = c.var.deps;
  for (const hostId of hostIds) link.nudge(hostId as HostId);
  link.wake();
}
