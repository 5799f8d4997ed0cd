/** One search over names and ids of all that somebody may see. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/text";
import { type Found, FOUND_KINDS, search } from "../store/overview/search.ts";
import type { ApiApp, ApiDeps } from "./deps.ts";
import { visibleWorkloads } from "./request/authorization.ts";
import { forCustomers, ok } from "./request/route.ts";

const MAX_LENGTH = 200;

const FoundThing = z
  .object({
    kind: z.enum(FOUND_KINDS),
    id: z.string(),
    name: z.string(),
    status: z.string().nullable(),
    url: z.string().nullable().openapi({ description: "Its page of the dashboard; null where it has none" }),
  })
  .openapi("FoundThing");

const SearchAnswer = z.object({ items: z.array(FoundThing) }).openapi("SearchAnswer");
export type SearchAnswer = z.infer<typeof SearchAnswer>;

const Part = text(MAX_LENGTH).trim().min(1).openapi({
  description: "A part of a name or an id, in capitals or not",
  example: "tuning",
});

const getSearch = createRoute({
  ...forCustomers,
  method: "get",
  path: "/search",
  operationId: "searchEverything",
  tags: ["search"],
  summary: "Workloads, datasets and models by a part of their names or ids, the nearest first; 20 at most",
  description:
    "Administrators find everybody's, and hosts and customers as well. No character means more than itself.",
  request: { query: z.strictObject({ q: Part }) },
  responses: ok("What was found", SearchAnswer),
});

export function registerSearchRoute(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(getSearch, async (c) => {
    const visibleTo = await visibleWorkloads(c, "search");
    const found = await search(db, { part: c.req.valid("query").q, visibleTo });
    return c.json({ items: found.map((one) => ({ ...one, url: pageOf(one) })) }, 200);
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

function pageOf({ kind, id }: Found): string | null {
  const page = PAGES[kind];
  return page === null ? null : `/${page}/${encodeURIComponent(id)}`;
}
