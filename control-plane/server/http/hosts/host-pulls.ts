/** Which images a host pulls, how far it is, and in its runtime's own words why one does not come: for operators alone. */
import { createRoute } from "@hono/zod-openapi";
import { pullsOfHost } from "../../store/hosts/images/host-pulls.ts";
import { hostById } from "../../store/hosts/hosts.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { pageOf, PageQuery } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, ok, OpaqueIdPath } from "../request/route.ts";
import { HostPull, hostPullAnswer } from "./host-answer.ts";

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts/{id}/pulls",
  tags: ["hosts"],
  summary: "The images that it pulls, as it last reported them",
  request: { params: OpaqueIdPath, query: PageQuery },
  responses: ok("All of them, on one page", pageOf(HostPull)),
});

export function registerHostPullRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { id } = c.req.valid("param");
    if ((await hostById(db, id)) === null) throw notFound(`host ${id}`);
    const items = (await pullsOfHost(db, id)).map(hostPullAnswer);
    return c.json({ items, next_cursor: null }, 200);
  });
}
