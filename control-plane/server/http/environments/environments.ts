/** Ordering environments, and changing one that is there; what they have in common with other kinds is in http/workloads. */
import { type SeenWorkload, UNSEEN_WORKLOAD } from "../workloads/routed-kind.ts";
import { createRoute } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/values/ids";
import { changeEnvironment } from "../../store/orders/environment-changes.ts";
import { type EnvironmentRow, lockEnvironment } from "../../store/environments/environments.ts";
import type { EnvironmentTimes } from "../../store/environments/environment-times.ts";
import { transaction } from "../../store/database/transaction.ts";
import type { TakeOrder } from "../../store/orders/order-queue.ts";
import type { CachedFleet } from "../../store/fleet/cached-fleet.ts";
import { workspaceForOrder } from "../request/authorization.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { keyedOrder } from "../request/idempotency.ts";
import { notFound } from "../request/refusal.ts";
import { created, forCustomers, jsonBody, ok, WorkloadIdPath } from "../request/route.ts";
import { orderContextOf, refuseUnlessDone } from "../workloads/orders.ts";
import { environmentFor, onFleet } from "./environment-access.ts";
import { Environment, environmentAnswer } from "./environment-answer.ts";
import { newEnvironment, NewEnvironmentBody } from "./environment-body.ts";
import { EnvironmentChangeBody } from "./environment-change-body.ts";
import { ENVIRONMENTS } from "./environment-kind.ts";

const tags = ["environments"];

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/environments",
  "x-problems": [402],
  tags,
  summary: "Order an environment; without workspace_id it goes to your personal one",
  request: { body: jsonBody(NewEnvironmentBody) },
  responses: created("The environment, queued", Environment),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/environments/{id}",
  tags,
  summary: "Change its name, description, switches, or after how long without use its ports go, or it stops",
  description:
    "Ports follow at once. What its container was made with follows with its next start or restart: those fields stand in waits_for_restart until then.",
  request: { params: WorkloadIdPath, body: jsonBody(EnvironmentChangeBody) },
  responses: ok("The environment", Environment),
});

/** It has come to its first status. */
function newlyOrdered({ created_at: at }: EnvironmentRow): SeenWorkload<EnvironmentTimes> {
  return { ...UNSEEN_WORKLOAD, known: { statusSince: at, idle: null } };
}

export function registerEnvironmentRoutes(
  api: ApiApp,
  deps: ApiDeps,
  { fleet, takeOrder }: { fleet: CachedFleet; takeOrder: TakeOrder },
): void {
  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const workspace = await workspaceForOrder(c, body.workspace_id);
    const order = newEnvironment(
      body,
      { id: deps.newId("env"), customerId: c.var.actor.customerId, workspaceId: workspace.id },
      deps.envVars,
    );
    const terms = { order, payerId: workspace.owner_id, context: orderContextOf(c) };
    const keyed = keyedOrder(c, (environment: EnvironmentRow) => ({
      status: 201,
      body: environmentAnswer(c, environment, newlyOrdered(environment)),
    }));
    const { auditScope } = c.var.deps.db;
    const outcome = await onFleet(
      fleet,
      async (fleet) => await takeOrder({ ...terms, fleet }, { keyed, auditScope }),
    );
    const { environment } = refuseUnlessDone(outcome);
    deps.link.wake();
    return c.json(environmentAnswer(c, environment, newlyOrdered(environment)), 201);
  });

  api.openapi(patch, async (c) => {
    const row = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const change = c.req.valid("json");
    const hostIds = await transaction(c.var.deps.db, async (sql) => {
      const environment = await lockEnvironment(sql, row.id);
      if (environment === null)
        throw notFound({ code: "named-environment", params: { workload_id: row.id } });
      return await changeEnvironment(sql, environment, { change, ...orderContextOf(c), newId: deps.newId });
    });
    for (const hostId of hostIds) deps.link.nudge(hostId as HostId);
    return c.json(await ENVIRONMENTS.answerOf(c, c.var.deps.db, row.id), 200);
  });
}
