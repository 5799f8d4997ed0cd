/** Which images a host pulls, how far it is, and in its runtime's own words why one does not come: for operators alone. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { type HostPullRow, pullsOfHost } from "../../store/hosts/images/host-pulls.ts";
import { hostById } from "../../store/hosts/hosts.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { cursorOf, limitOf, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, ok, OpaqueIdPath } from "../request/route.ts";
import { HostPull, hostPullAnswer } from "./host-answer.ts";

/** Image, fetch and first order, as the store has them. */
const PullKey = z.tuple([text(256), text(63), text(128)]);

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts/{id}/pulls",
  tags: ["hosts"],
  summary: "The images that it pulls, as it last reported them",
  request: { params: OpaqueIdPath, query: PageQuery },
  responses: ok("A page of them, by image", pageOf(HostPull)),
});

export function registerHostPullRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { id } = c.req.valid("param");
    if ((await hostById(db, id)) === null) throw notFound({ code: "named-host", params: { host_id: id } });
    const query = c.req.valid("query");
    const limit = limitOf(query);
    const pulls = await pullsOfHost(db, { hostId: id, limit, after: cursorOf(query, PullKey) });
    return c.json(toPage(pulls, limit, { item: hostPullAnswer, key: keyOf }), 200);
  });
}

function keyOf({ image, fetch_id: fetchId, first_order: firstOrder }: HostPullRow) {
  return [image, fetchId ?? "", firstOrder];
}
