/** Which images a host pulls, how far it is, and in its runtime's own words why one does not come: for operators alone. */
import { createRoute, z } from "@hono/zod-openapi";
import { PULL_PROBLEMS } from "@remotegpu/shared/instance/image-fetch";
import { text } from "@remotegpu/shared/values/text";
import { type HostPullRow, pullsOfHost } from "../../store/hosts/images/host-pulls.ts";
import { hostById } from "../../store/hosts/hosts.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { cursorOf, limitOf, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, ok, OpaqueIdPath, Timestamp } from "../request/route.ts";

const HostPull = z
  .object({
    image: z.string().openapi({ description: "What is pulled", example: "ghcr.io/ada/train:2" }),
    fetch_id: z.string().nullable().openapi({
      description: "Of an order that waits without a place; null: for orders placed there",
      example: "fetch-3b8e",
    }),
    state: z.enum(["waiting", "pulling", "present", "failed"]).describe("How far it is"),
    layers_done: z.int().nullable().openapi({ description: "Layers that are there", example: 3 }),
    layers: z.int().nullable().openapi({ description: "Layers in all, as far as known", example: 9 }),
    bytes_done: z.int().nullable().openapi({ description: "Bytes that are there", example: 1_500_000_000 }),
    bytes: z.int().nullable().openapi({
      description: "Bytes in all, as far as known",
      example: 3_500_000_000,
    }),
    problem: z.enum(PULL_PROBLEMS).nullable().openapi({
      description: "Why it failed, as customers see it; null: it did not",
    }),
    operator_detail: z.string().nullable().openapi({
      description: "The message of registry or runtime; customers see the problem alone",
      example: "toomanyrequests: rate limit",
    }),
    told_at: Timestamp,
  })
  .openapi("HostPull");

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

function hostPullAnswer({ reported_at: reportedAt, first_order: _firstOrder, ...row }: HostPullRow) {
  return { ...row, told_at: reportedAt.toISOString() };
}
