/** Environments: order, list, read, change. What is ordered for one that is there is in environment-verbs.ts. */
import { createRoute, z } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/ids";
import { displayText } from "@remotegpu/shared/text";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/workload";
import { changeEnvironment } from "../../store/orders/environment-changes.ts";
import { type EnvironmentRow, lockEnvironment } from "../../store/environments/environments.ts";
import { listWorkloads } from "../../store/workloads/pages.ts";
import { transaction } from "../../store/database/database.ts";
import { orderDesk } from "../../store/orders/order-desk.ts";
import { instancesOf } from "../../store/workloads/instances.ts";
import type { KeptFleet } from "../../store/fleet/kept-fleet.ts";
import { visibleWorkloads, workspaceForOrder } from "../request/authorization.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { answerOf, environmentFor, onFleet, ordererOf, refuseUnlessDone } from "./environment-access.ts";
import { Environment, environmentAnswer } from "./environment-answer.ts";
import { EnvironmentName, newEnvironment, NewEnvironmentBody } from "./environment-body.ts";
import { EnvironmentChangeBody } from "./environment-change-body.ts";
import { keyedOrder } from "../request/idempotency.ts";
import { notFound } from "../request/refusal.ts";
import { pageOf, pageQuery, timePage, toPage } from "../request/pagination.ts";
import { created, forCustomers, jsonBody, NumericId, ok, WorkloadIdPath } from "../request/route.ts";

const tags = ["environments"];
const params = WorkloadIdPath;

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

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments",
  tags,
  summary: "The environments of your workspaces, newest first",
  request: {
    query: z.strictObject({
      ...pageQuery,
      workspace_id: NumericId.optional(),
      customer_id: NumericId.optional(),
      status: z.enum(ENVIRONMENT_STATUSES).optional(),
      host_id: z.string().max(64).pipe(displayText(64)).optional(),
      name: z.string().max(128).pipe(EnvironmentName).optional(),
    }),
  },
  responses: ok("A page of environments", pageOf(Environment)),
});

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments/{id}",
  tags,
  summary: "One environment with its instances, their GPUs, time and charges",
  request: { params },
  responses: ok("The environment", Environment),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/environments/{id}",
  tags,
  summary: "Change its name, description, switches or the hours after which ports without access go",
  description:
    "Ports follow at once. What its container was made with follows with its next start or restart: those fields stand in waits_for_restart until then.",
  request: { params, body: jsonBody(EnvironmentChangeBody) },
  responses: ok("The environment", Environment),
});

export function registerEnvironmentRoutes(api: ApiApp, deps: ApiDeps, fleet: KeptFleet): void {
  const { db } = deps;
  const takeOrder = orderDesk(db);

  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const workspace = await workspaceForOrder(c, body.workspace_id);
    const order = newEnvironment(body, {
      id: deps.newId("env"),
      customerId: c.var.actor.customerId,
      workspaceId: workspace.id,
    });
    const terms = { order, payerId: workspace.owner_id, orderer: ordererOf(c) };
    const keyed = keyedOrder(c, (environment: EnvironmentRow) => ({
      status: 201,
      body: environmentAnswer(c, environment, []),
    }));
    const outcome = await onFleet(fleet, async (fleet) => await takeOrder({ ...terms, fleet }, keyed));
    const { environment } = refuseUnlessDone(outcome);
    deps.link.wake();
    return c.json(environmentAnswer(c, environment, []), 201);
  });

  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const page = timePage(query);
    const rows = await listWorkloads<EnvironmentRow>(db, "environment", {
      filter: {
        visibleTo: await visibleWorkloads(c, "environments"),
        workspaceId: query.workspace_id ?? null,
        customerId: query.customer_id ?? null,
        status: query.status ?? null,
        hostId: query.host_id ?? null,
        name: query.name ?? null,
      },
      page,
    });
    const instances = await instancesOf(
      db,
      "environment",
      rows.map(({ id }) => id),
    );
    const item = ({ created_micros: _micros, ...row }: (typeof rows)[number]) =>
      environmentAnswer(c, row, instances.get(row.id) ?? []);
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.created_micros, row.id] }), 200);
  });

  api.openapi(get, async (c) => {
    const row = await environmentFor(c, c.req.valid("param").id, "read-workload");
    return c.json(await answerOf(c, deps, row.id), 200);
  });

  api.openapi(patch, async (c) => {
    const row = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const change = c.req.valid("json");
    const hostIds = await transaction(db, async (sql) => {
      const environment = await lockEnvironment(sql, row.id);
      if (environment === null) throw notFound(`environment ${row.id}`);
      return await changeEnvironment(sql, environment, { change, ...ordererOf(c), newId: deps.newId });
    });
    for (const hostId of hostIds) deps.link.nudge(hostId as HostId);
    return c.json(await answerOf(c, deps, row.id), 200);
  });
}
