/**
 * Ordering inference services, changing and scaling one; its versions are in service-versions.ts, and what they have in
 * common with other kinds is in http/workloads.
 */
import { createRoute } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/values/ids";
import { transaction } from "../../store/database/transaction.ts";
import { emptyFleet } from "../../store/fleet/empty-fleet.ts";
import type { CachedFleet } from "../../store/fleet/cached-fleet.ts";
import { changeService } from "../../store/inference/service-changes.ts";
import { inferenceServiceById } from "../../store/inference/inference-services.ts";
import { lockServiceOrders, type ServiceOrderRow } from "../../store/inference/service-orders.ts";
import { crowdedBy, orderService, scaleService } from "../../store/orders/inference-orders.ts";
import type { Transaction } from "../../store/database/database.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { onFleet } from "../environments/environment-access.ts";
import { workspaceForOrder } from "../request/authorization.ts";
import { once } from "../request/idempotency.ts";
import { badField, notFound } from "../request/refusal.ts";
import { accepted, created, forCustomers, jsonBody, ok, WorkloadIdPath } from "../request/route.ts";
import { orderContextOf, refuseUnlessDone, notifyOf } from "../workloads/orders.ts";
import { workloadFor } from "../workloads/routed-kind.ts";
import { INFERENCE_SERVICES } from "./inference-kind.ts";
import { InferenceService } from "./inference-service-answer.ts";
import {
  boundsIssues,
  InferenceServiceChangeBody,
  newService,
  NewInferenceServiceBody,
  refuseIssues,
  ScaleBody,
} from "./service-body.ts";
import { workloadThing } from "../workloads/workload-thing.ts";

const tags = ["inference services"];
const what = "inference service";

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/inference-services",
  operationId: "orderInferenceService",
  "x-problems": [402],
  tags,
  summary: "Order an inference service; without workspace_id it goes to your personal one",
  description:
    "It is creating until a first replica is ready: answers its health check, or without one accepts a connection. Each replica costs by the minute from when its container runs, but for what its payer may load free in an hour. It begins with min_replicas, or with one.",
  request: { body: jsonBody(NewInferenceServiceBody) },
  responses: created("The inference service, creating", InferenceService),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/inference-services/{id}",
  tags,
  summary: "Change its name, description, replicas, bounds, scaling, or how its replicas are checked",
  description:
    "All of it holds at once, also for replicas that run: they are not started anew. Its image, command, variables, model and sizes are changed by an upgrade.",
  request: { params: WorkloadIdPath, body: jsonBody(InferenceServiceChangeBody) },
  responses: ok("The inference service", InferenceService),
});

const scale = createRoute({
  ...forCustomers,
  method: "post",
  path: "/inference-services/{id}/scale",
  operationId: "scaleInferenceService",
  tags,
  summary: "Have it run with so many replicas, between min_replicas and max_replicas",
  description:
    "Replicas that funds, quota or room do not cover wait with a reason and cost nothing; those that run go on. A stopped service has as many when it starts.",
  request: { params: WorkloadIdPath, body: jsonBody(ScaleBody) },
  responses: accepted("The inference service, pending", InferenceService),
});

export function registerInferenceServiceRoutes(api: ApiApp, deps: ApiDeps, fleet: CachedFleet): void {
  const { newId } = deps;

  api.openapi(post, async (c) => {
    const workspace = await workspaceForOrder(c, c.req.valid("json").workspace_id);
    const owner = { id: newId("svc"), customerId: c.var.actor.customerId, workspaceId: workspace.id };
    const order = newService(c.req.valid("json"), owner, deps.envVars);
    const recent = await fleet.recent();
    return await once(c, async (sql, afterwards) => {
      // Within the transaction everything is asked through it: whoever holds a connection must not wait for another.
      const checks = { recent: () => Promise.resolve(recent), anew: () => emptyFleet(sql) };
      const requested = { order, payerId: workspace.owner_id, context: orderContextOf(c), newId };
      refuseUnlessDone(await onFleet(checks, (fleet) => orderService(sql, { ...requested, fleet })));
      afterwards(() => notifyOf(c, []));
      return c.json(await INFERENCE_SERVICES.answerOf(c, sql, order.id), 201);
    });
  });

  api.openapi(patch, async (c) => {
    const { id } = await managed(c, c.req.valid("param").id);
    const { replicas, ...change } = c.req.valid("json");
    const hostIds = await transaction(c.var.deps.db, async (sql) => {
      const service = await held(sql, id);
      const { min_replicas: min = service.min_replicas, max_replicas: max = service.max_replicas } = change;
      refuseIssues(boundsIssues({ min, max }));
      const crowded = await crowdedBy(sql, service, min - service.replicas);
      if (crowded !== null) refuseUnlessDone(crowded);
      const changed = await changeService(sql, service, { change, ...orderContextOf(c) });
      // By the bounds that it has now, and by whoever says how many from now on.
      const now = { ...(await held(sql, id)), replicas: service.replicas };
      if (replicas !== undefined) await scaleTo(c, sql, { service: now, replicas });
      return changed;
    });
    for (const hostId of hostIds) deps.link.nudge(hostId as HostId);
    deps.link.wake();
    return c.json(await INFERENCE_SERVICES.answerOf(c, c.var.deps.db, id), 200);
  });

  api.openapi(scale, async (c) => {
    const { id } = await managed(c, c.req.valid("param").id);
    const { replicas } = c.req.valid("json");
    return await once(c, async (sql, afterwards) => {
      await scaleTo(c, sql, { service: await held(sql, id), replicas });
      afterwards(() => notifyOf(c, []));
      return c.json(await INFERENCE_SERVICES.answerOf(c, sql, id), 202);
    });
  });
}

/** @throws ApiRefusal */
async function scaleTo(
  c: ApiContext,
  sql: Transaction,
  { service, replicas }: { service: ServiceOrderRow; replicas: number },
): Promise<void> {
  const { min_replicas: min, max_replicas: max } = service;
  if (replicas < min || replicas > max)
    throw badField("replicas", {
      code: "replicas-out-of-bounds",
      params: { min_replicas: min, max_replicas: max },
    });
  refuseUnlessDone(await scaleService(sql, service, { ...orderContextOf(c), replicas }));
}

async function managed(c: ApiContext, id: string) {
  return await workloadFor(c, { byId: inferenceServiceById, what }, id, "manage-workload");
}

async function held(sql: Transaction, id: string): Promise<ServiceOrderRow> {
  const service = (await lockServiceOrders(sql, [id])).get(id);
  if (service === undefined) throw notFound(workloadThing(what, id));
  return service;
}
