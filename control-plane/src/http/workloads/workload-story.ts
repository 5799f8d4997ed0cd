/** What a workload's people ask about it, whatever its kind: what happened, and where it runs and ran. */
import { createRoute } from "@hono/zod-openapi";
import { workloadEvents } from "../../store/events/events.ts";
import { instancesOf } from "../../store/workloads/instances.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { eventPage, EventPage } from "./event-answer.ts";
import { Instance, instanceAnswer } from "./instance-answer.ts";
import { numericPage, pageOf, PageQuery } from "../request/pagination.ts";
import { forCustomers, ok, WorkloadIdPath } from "../request/route.ts";
import { assertReadable, ROUTED_KINDS, type RoutedKind } from "./workload-kinds.ts";

const params = WorkloadIdPath;

const eventsOf = <Path extends string>(path: Path, tag: string) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}/{id}/events`,
    tags: [tag],
    summary: "What happened to it, newest first",
    request: { params, query: PageQuery },
    responses: ok("A page of events", EventPage),
  });

const instancesRoute = <Path extends string>(path: Path, tag: string) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}/{id}/instances`,
    tags: [tag],
    summary: "Where it runs, on which GPUs, for how long and at what charge; how its runs ended",
    request: { params, query: PageQuery },
    responses: ok("Its instances", pageOf(Instance)),
  });

export function registerWorkloadStoryRoutes(api: ApiApp, deps: ApiDeps): void {
  for (const routed of ROUTED_KINDS) registerKind(api, deps, routed);
}

function registerKind(api: ApiApp, { db }: ApiDeps, routed: RoutedKind): void {
  const { kind, path, tag } = routed;

  api.openapi(eventsOf(path, tag), async (c) => {
    const { id } = c.req.valid("param");
    await assertReadable(c, routed, id);
    const page = numericPage(c.req.valid("query"));
    const rows = await workloadEvents(db, { kind, id }, page);
    return c.json(eventPage(rows, page.limit), 200);
  });

  api.openapi(instancesRoute(path, tag), async (c) => {
    const { id } = c.req.valid("param");
    await assertReadable(c, routed, id);
    const views = (await instancesOf(db, kind, [id], { withTails: true })).get(id) ?? [];
    return c.json({ items: views.map((view) => instanceAnswer(c, view)), next_cursor: null }, 200);
  });
}
