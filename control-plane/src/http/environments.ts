/** Environments: order, list, read, rename, start, stop, restart, delete. */
import { createRoute, z } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/ids";
import { displayText } from "@remotegpu/shared/text";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/workload";
import { type Connection, transaction } from "../store/database.ts";
import { instancesOf } from "../store/environment-instances.ts";
import {
  deleteEnvironment,
  type Orderer,
  orderEnvironment,
  type OrderOutcome,
  restartEnvironment,
  startEnvironment,
  stopEnvironment,
} from "../store/environment-orders.ts";
import {
  environmentById,
  type EnvironmentRow,
  listEnvironments,
  lockEnvironment,
  updateEnvironment,
} from "../store/environments.ts";
import { workspaceIdsOf } from "../store/workspaces.ts";
import { actingOn } from "./audit.ts";
import { authorizeWorkload, workspaceForOrder } from "./authorization.ts";
import type { ApiApp, ApiContext, ApiDeps } from "./deps.ts";
import { Environment, environmentAnswer } from "./environment-answer.ts";
import { EnvironmentName, newEnvironment, NewEnvironmentBody } from "./environment-body.ts";
import { Description } from "./input-fields.ts";
import { pageOf, pageQuery, timePage, toPage } from "./pagination.ts";
import { ApiRefusal, badField, conflict, notFound } from "./refusal.ts";
import { accepted, created, forCustomers, jsonBody, NumericId, ok, OpaqueIdPath } from "./route.ts";

const tags = ["environments"];
const params = OpaqueIdPath;

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/environments",
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
  summary: "Change its name or description",
  request: {
    params,
    body: jsonBody(
      z
        .strictObject({
          name: EnvironmentName.optional(),
          description: Description.nullable().optional(),
        })
        .openapi("EnvironmentChange"),
    ),
  },
  responses: ok("The environment", Environment),
});

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

const verb = <Path extends string>(path: Path, summary: string) =>
  createRoute({
    ...forCustomers,
    method: "post",
    path,
    tags,
    summary,
    request: { params },
    responses: accepted("The environment, on its way", Environment),
  });

const start = verb("/environments/{id}/start", "Start it again, where its files are");
const stop = verb("/environments/{id}/stop", "Stop it; code and output stay");
const restart = verb("/environments/{id}/restart", "Stop and start it in its place");

export function registerEnvironmentRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const workspace = await workspaceForOrder(c, body.workspace_id);
    const order = newEnvironment(body, {
      id: deps.newId("env"),
      customerId: c.var.actor.customerId,
      workspaceId: workspace.id,
    });
    const outcome = await transaction(db, (sql) =>
      orderEnvironment(sql, order, { payerId: workspace.owner_id, orderer: ordererOf(c) }),
    );
    refuseUnlessDone(outcome);
    deps.link.wake();
    return c.json(await answerOf(deps, order.id), 201);
  });

  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const page = timePage(query);
    const { actor } = c.var;
    if (actor.isAdmin) actingOn(c, { ownerCustomerId: null, subject: "environments" });
    const rows = await listEnvironments(
      db,
      {
        visibleTo: actor.isAdmin
          ? null
          : {
              customerId: actor.customerId,
              workspaceIds: await workspaceIdsOf(db, actor.customerId),
            },
        workspaceId: query.workspace_id ?? null,
        customerId: query.customer_id ?? null,
        status: query.status ?? null,
        hostId: query.host_id ?? null,
        name: query.name ?? null,
      },
      page,
    );
    const instances = await instancesOf(
      db,
      rows.map(({ id }) => id),
    );
    const item = ({ created_micros: _micros, ...row }: (typeof rows)[number]) =>
      environmentAnswer(row, instances.get(row.id) ?? []);
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.created_micros, row.id] }), 200);
  });

  api.openapi(get, async (c) => {
    const row = await environmentFor(c, c.req.valid("param").id, "read-workload");
    return c.json(await answerOf(deps, row.id), 200);
  });

  api.openapi(patch, async (c) => {
    const row = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await updateEnvironment(db, row.id, c.req.valid("json"));
    return c.json(await answerOf(deps, row.id), 200);
  });

  api.openapi(remove, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await carryOut(c, id, deleteEnvironment);
    return c.json({ id, status: "deleting" as const }, 202);
  });

  api.openapi(start, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await carryOut(c, id, startEnvironment);
    return c.json(await answerOf(deps, id), 202);
  });

  api.openapi(stop, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await carryOut(c, id, stopEnvironment);
    return c.json(await answerOf(deps, id), 202);
  });

  api.openapi(restart, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await carryOut(c, id, (sql, environment, orderer) =>
      restartEnvironment(sql, environment, { ...orderer, newId: deps.newId }),
    );
    return c.json(await answerOf(deps, id), 202);
  });
}

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

/** Locks the environment, gives the order, and tells the host and our own loops about it. */
async function carryOut(
  c: ApiContext,
  id: string,
  give: (sql: Connection, environment: EnvironmentRow, orderer: Orderer) => Promise<OrderOutcome>,
): Promise<void> {
  const { deps } = c.var;
  const outcome = await transaction(deps.db, async (sql) => {
    const environment = await lockEnvironment(sql, id);
    if (environment === null) throw notFound(`environment ${id}`);
    return await give(sql, environment, ordererOf(c));
  });
  const { hostId } = refuseUnlessDone(outcome);
  if (hostId !== null) deps.link.nudge(hostId as HostId);
  deps.link.wake();
}

function ordererOf(c: ApiContext): Orderer {
  const { actor, deps } = c.var;
  const by = actor.isAdmin ? "admin" : "customer";
  return { by, actor: `${by} ${actor.customerId}`, now: deps.now() };
}

function refuseUnlessDone(outcome: OrderOutcome): { hostId: string | null } {
  if (outcome.done) return outcome;
  switch (outcome.refusal) {
    case "wrong-state":
    case "mount-not-ready":
    case "quota":
      throw conflict(outcome.detail);
    case "mount-not-found":
      throw new ApiRefusal("not-found", outcome.detail);
    case "price":
      throw badField("config.spec", outcome.detail);
    case "funds":
      throw new ApiRefusal("no-funds", outcome.detail);
  }
}

async function answerOf({ db }: ApiDeps, id: string): Promise<z.input<typeof Environment>> {
  const row = await environmentById(db, id);
  if (row === null) throw notFound(`environment ${id}`);
  return environmentAnswer(row, (await instancesOf(db, [id])).get(id) ?? []);
}
