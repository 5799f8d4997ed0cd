/** One search over names and ids of all that somebody may see. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { type Found, FOUND_KINDS, search } from "../../store/overview/search.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { visibleWorkloads } from "../request/authorization.ts";
import { cursorOf, limitOf, pageOf, pageQuery, toPage } from "../request/pagination.ts";
import { forCustomers, ok } from "../request/route.ts";

const MAX_LENGTH = 200;

const FoundResource = z
  .object({
    kind: z.enum(FOUND_KINDS).openapi({ description: "What it is", example: "environment" }),
    id: z.string().openapi({ description: "Its id", example: "env-3f6b1a52" }),
    name: z.string().openapi({ description: "What it is called", example: "notebook" }),
    status: z.string().nullable().openapi({ description: "Its status", example: "running" }),
    url: z.string().nullable().openapi({
      description: "Its page of the dashboard; null where it has none",
      example: "/environments/env-3f6b1a52",
    }),
  })
  .openapi("FoundThing");

const SearchAnswer = pageOf(FoundResource).openapi("SearchAnswer");
export type SearchAnswer = z.infer<typeof SearchAnswer>;

const Part = text(MAX_LENGTH).trim().min(1).openapi({
  description: "A part of a name or an id, in capitals or not",
  example: "tuning",
});

/** The list's name, and the last one's place: how near it is, its name, kind and id. */
const FoundKey = z.tuple([z.literal("search"), z.int(), text(512), z.enum(FOUND_KINDS), text(128)]);

const getSearch = createRoute({
  ...forCustomers,
  method: "get",
  path: "/search",
  operationId: "searchEverything",
  tags: ["search"],
  summary: "Workloads, datasets and models by a part of their names or ids, the nearest first",
  description:
    "Administrators find everybody's, and hosts and customers as well. No character means more than itself.",
  request: { query: z.strictObject({ ...pageQuery, q: Part }) },
  responses: ok("What was found", SearchAnswer),
});

export function registerSearchRoute(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(getSearch, async (c) => {
    const { q: part, ...query } = c.req.valid("query");
    const key = cursorOf(query, FoundKey);
    const after = key && { nearness: key[1], name: key[2], kind: key[3], id: key[4] };
    const limit = limitOf(query);
    const visibleTo = await visibleWorkloads(c, "search");
    const found = await search(db, { part, visibleTo, after, limit: limit + 1 });
    const page = toPage(found, limit, {
      item: ({ nearness: _nearness, ...one }) => ({ ...one, url: addressOf(one) }),
      key: ({ nearness, name, kind, id }) => ["search", nearness, name, kind, id],
    });
    return c.json(page, 200);
  });
}

const PAGES: Record<Found["kind"], string | null> = {
  environment: "environments",
  training: "training",
  inference: "inference",
  host: "hosts",
  customer: null,
  dataset: null,
  model: null,
};

function addressOf({ kind, id }: Pick<Found, "kind" | "id">): string | null {
  const page = PAGES[kind];
  return page === null ? null : `/${page}/${encodeURIComponent(id)}`;
}
