/** What happened on a host: to itself, to its GPUs, and to what was placed there. */
import { createRoute } from "@hono/zod-openapi";
import { hostEvents } from "../../store/events/events.ts";
import { hostById } from "../../store/hosts/hosts.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { eventPage, EventPage } from "../workloads/event-answer.ts";
import { numericPage, PageQuery } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, ok, OpaqueIdPath } from "../request/route.ts";

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts/{id}/events",
  tags: ["hosts"],
  summary: "What happened on it, newest first: to itself, its GPUs and what ran there",
  request: { params: OpaqueIdPath, query: PageQuery },
  responses: ok("A page of events", EventPage),
});

export function registerHostEventRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { id } = c.req.valid("param");
    if ((await hostById(db, id)) === null) throw notFound({ code: "named-host", params: { host_id: id } });
    const page = numericPage(c.req.valid("query"));
    return c.json(eventPage(await hostEvents(db, id, page), page.limit), 200);
  });
}
