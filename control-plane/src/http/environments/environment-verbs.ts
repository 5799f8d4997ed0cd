/** What is ordered for an environment that is there: start, stop, restart, delete. */
import { createRoute, z } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/ids";
import { type Transaction, transaction } from "../../store/database/database.ts";
import {
  deleteEnvironment,
  type OrderOutcome,
  restartEnvironment,
  startEnvironment,
  stopEnvironment,
} from "../../store/orders/environment-orders.ts";
import type { Orderer } from "../../store/orders/workload-stops.ts";
import { type EnvironmentRow, lockEnvironment } from "../../store/environments/environments.ts";
import { emptyFleet } from "../../store/fleet/empty-fleet.ts";
import type { KeptFleet } from "../../store/fleet/kept-fleet.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { answerOf, environmentFor, onFleet, ordererOf, refuseUnlessDone } from "./environment-access.ts";
import { Environment } from "./environment-answer.ts";
import { once } from "../request/idempotency.ts";
import { notFound } from "../request/refusal.ts";
import { accepted, forCustomers, WorkloadIdPath } from "../request/route.ts";

const tags = ["environments"];
const params = WorkloadIdPath;

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/environments/{id}",
  tags,
  summary: "Delete it, in whatever state it is",
  request: { params },
  responses: accepted(
    "It is being deleted, or is already",
    z.object({ id: z.string(), status: z.literal("deleting") }).openapi("EnvironmentDeletion"),
  ),
});

const verb = <Path extends string>(path: Path, summary: string, more: { "x-problems"?: number[] } = {}) =>
  createRoute({
    ...forCustomers,
    ...more,
    method: "post",
    path,
    tags,
    summary,
    request: { params },
    responses: accepted("The environment, on its way", Environment),
  });

const start = verb("/environments/{id}/start", "Start it again, where its files are", {
  "x-problems": [402],
});
const stop = verb("/environments/{id}/stop", "Stop it; code and output stay");
const restart = verb("/environments/{id}/restart", "Stop and start it in its place", { "x-problems": [402] });

export function registerEnvironmentVerbRoutes(api: ApiApp, deps: ApiDeps, fleet: KeptFleet): void {
  api.openapi(remove, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const outcome = await transaction(deps.db, (sql) => give(c, sql, id, deleteEnvironment));
    tellOf(c, refuseUnlessDone(outcome));
    return c.json({ id, status: "deleting" as const }, 202);
  });

  api.openapi(start, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const recent = await fleet.recent();
    return await once(c, async (sql, afterwards) => {
      // Within the transaction everything is asked through it: whoever holds a connection must not wait for another.
      const looks = { recent: () => Promise.resolve(recent), anew: () => emptyFleet(sql) };
      const outcome = await onFleet(looks, (fleet) =>
        give(c, sql, id, (sql, environment, orderer) =>
          startEnvironment(sql, environment, { ...orderer, fleet }),
        ),
      );
      const done = refuseUnlessDone(outcome);
      afterwards(() => tellOf(c, done));
      return c.json(await answerOf(c, { db: sql }, id), 202);
    });
  });

  api.openapi(stop, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    return await once(c, async (sql, afterwards) => {
      const done = refuseUnlessDone(await give(c, sql, id, stopEnvironment));
      afterwards(() => tellOf(c, done));
      return c.json(await answerOf(c, { db: sql }, id), 202);
    });
  });

  api.openapi(restart, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    return await once(c, async (sql, afterwards) => {
      const outcome = await give(c, sql, id, (sql, environment, orderer) =>
        restartEnvironment(sql, environment, { ...orderer, newId: deps.newId }),
      );
      const done = refuseUnlessDone(outcome);
      afterwards(() => tellOf(c, done));
      return c.json(await answerOf(c, { db: sql }, id), 202);
    });
  });
}

type Order = (sql: Transaction, environment: EnvironmentRow, orderer: Orderer) => Promise<OrderOutcome>;

/** Locks the environment and gives the order. */
async function give(c: ApiContext, sql: Transaction, id: string, order: Order): Promise<OrderOutcome> {
  const environment = await lockEnvironment(sql, id);
  if (environment === null) throw notFound(`environment ${id}`);
  return await order(sql, environment, ordererOf(c));
}

/** Tells the hosts and our own loops about an order that was taken. */
function tellOf(c: ApiContext, { hostIds }: OrderOutcome & { done: true }): void {
  const { link } = c.var.deps;
  for (const hostId of hostIds) link.nudge(hostId as HostId);
  link.wake();
}
