/** What every route of environments begins and ends with: may the actor, what the store answered, what is shown. */
import type { z } from "@hono/zod-openapi";
import { asSentence } from "@remotegpu/shared/sentence";
import type { OrderField } from "../../core/orders/prices/price-lines.ts";
import type { Connection } from "../../store/database/database.ts";
import type { RefusedOrder } from "../../store/orders/environment-orders.ts";
import type { Orderer } from "../../store/orders/workload-stops.ts";
import { environmentById, type EnvironmentRow } from "../../store/environments/environments.ts";
import type { EmptyFleet } from "../../store/fleet/empty-fleet.ts";
import { instancesOf } from "../../store/workloads/instances.ts";
import type { KeptFleet } from "../../store/fleet/kept-fleet.ts";
import { authorizeWorkload } from "../request/authorization.ts";
import type { ApiContext } from "../deps.ts";
import { type Environment, environmentAnswer } from "./environment-answer.ts";
import { ApiRefusal, badField, conflict, notFound } from "../request/refusal.ts";

/**
 * The environment, once the actor may do that with it.
 * @throws ApiRefusal: not-found for strangers, forbidden for members whose role is too small
 */
export async function environmentFor(
  c: ApiContext,
  id: string,
  action: "read-workload" | "manage-workload",
): Promise<EnvironmentRow> {
  const row = await environmentById(c.var.deps.db, id);
  if (row === null) throw notFound(`environment ${id}`);
  await authorizeWorkload(c, row, { action, what: "environment" });
  return row;
}

export function ordererOf(c: ApiContext): Orderer {
  const { actor, deps } = c.var;
  const by = actor.isAdmin ? "admin" : "customer";
  return { by, actor: `${by} ${actor.customerId}`, now: deps.now() };
}

/** What the kept fleet finds impossible is tried once more, on a fleet that is read for it. */
export async function onFleet<Done extends { done: true }>(
  kept: Pick<KeptFleet, "recent" | "anew">,
  order: (fleet: EmptyFleet) => Promise<Done | RefusedOrder>,
): Promise<Done | RefusedOrder> {
  const outcome = await order(await kept.recent());
  const isImpossible = !outcome.done && outcome.refusal === "impossible";
  return isImpossible ? await order(await kept.anew()) : outcome;
}

/** @throws ApiRefusal saying why the order was not taken */
export function refuseUnlessDone<Done extends { done: true }>(outcome: Done | RefusedOrder): Done {
  if (outcome.done) return outcome;
  if (outcome.refusal === "wrong-state") throw conflict(outcome.detail);
  if (outcome.refusal === "impossible")
    throw badField(outcome.impossibility.field, asSentence(outcome.impossibility.sentence));
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
  }
}

const OF_CONFIG: readonly OrderField[] = ["spec", "gpu_model", "max_price_per_hour"];

/** Where the body of an order has that field. */
function pathOf(field: OrderField): string {
  return OF_CONFIG.includes(field) ? `config.${field}` : field;
}

export async function answerOf(
  c: ApiContext,
  { db }: { db: Connection },
  id: string,
): Promise<z.input<typeof Environment>> {
  const row = await environmentById(db, id);
  if (row === null) throw notFound(`environment ${id}`);
  return environmentAnswer(c, row, (await instancesOf(db, "environment", [id])).get(id) ?? []);
}
