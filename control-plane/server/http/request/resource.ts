/**
 * What people keep and look at in the same way, whatever it is: keys, credentials, webhooks, images, data, workspaces. A
 * list, one of it, and its end are routes made here; how one is made and changed, and who sees which, each says itself.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiContext } from "../deps.ts";
import { actingOn } from "./audit.ts";
import {
  numericPage,
  pageOf,
  pageQuery,
  type PageQueryValues,
  type PageRequest,
  textPage,
  toPage,
} from "./pagination.ts";
import { notFound } from "./refusal.ts";
import { forCustomers, noContent, NumericIdPath, ok, OpaqueIdPath } from "./route.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";

interface Reported {
  summary: string;
  /** "A page of keys" */
  answers: string;
  description?: string;
  /** forCustomers, unless told. */
  access?: typeof forCustomers;
}

/** How ids stand in a path, and how a list goes on behind one. */
interface Ids<Id extends string | number> {
  path: z.ZodObject<{ id: z.ZodType<Id, string> }>;
  page: (query: PageQueryValues) => PageRequest<Id>;
}

export const NUMBERED: Ids<number> = { path: NumericIdPath, page: numericPage };
export const OPAQUE: Ids<string> = { path: OpaqueIdPath, page: textPage };

interface Resource<
  Id extends string | number,
  Row extends { id: Id },
  View extends object,
  Filters extends z.ZodRawShape,
> {
  path: string;
  tags: string[];
  ids: Ids<Id>;
  Answer: z.ZodType<unknown, View>;
  answer: (row: Row) => View;
  list: Reported & {
    filters?: Filters;
    /** One row more than the page's limit. */
    rows: (
      c: ApiContext,
      page: PageRequest<Id>,
      filters: z.output<z.ZodObject<Filters>>,
    ) => Promise<readonly Row[]>;
  };
  /** @throws ApiRefusal where the caller may not see it */
  get?: Reported & { find: (c: ApiContext, id: Id) => Promise<Row> };
  /** @throws ApiRefusal where the caller may not end it, or it cannot end yet */
  remove: Omit<Reported, "answers"> & { answers?: string; end: (c: ApiContext, id: Id) => Promise<void> };
}

export function registerResource<
  Id extends string | number,
  Row extends { id: Id },
  View extends object,
  Filters extends z.ZodRawShape,
>(api: ApiApp, resource: Resource<Id, Row, View, Filters>): void {
  const { path, tags, ids, Answer, answer, list, get, remove } = resource;
  const params = ids.path;

  api.openapi(
    createRoute({
      ...routeOf(list),
      method: "get",
      path,
      tags,
      request: { query: z.strictObject({ ...pageQuery, ...list.filters }) },
      responses: ok(list.answers, pageOf(Answer)),
    }),
    async (c) => {
      const query = c.req.valid("query");
      const page = ids.page(query);
      // What the schema was made of is beyond the compiler once it is spread beside the page's own fields.
      const rows = await list.rows(c, page, query as z.output<z.ZodObject<Filters>>);
      return c.json(toPage(rows, page.limit, { item: answer, key: (row) => [row.id] }), 200);
    },
  );
  if (get !== undefined)
    api.openapi(
      createRoute({
        ...routeOf(get),
        method: "get",
        path: `${path}/{id}`,
        tags,
        request: { params },
        responses: ok(get.answers, Answer),
      }),
      async (c) => c.json(answer(await get.find(c, c.req.valid("param").id)), 200),
    );
  api.openapi(
    createRoute({
      ...routeOf(remove),
      method: "delete",
      path: `${path}/{id}`,
      tags,
      request: { params },
      responses: noContent(remove.answers ?? "It is gone"),
    }),
    async (c) => {
      await remove.end(c, c.req.valid("param").id);
      return c.body(null, 204);
    },
  );
}

function routeOf({ summary, description, access = forCustomers }: Omit<Reported, "answers">) {
  return { ...access, summary, ...(description !== undefined && { description }) };
}

/** What is its owner's alone, and for administrators to see. @throws ApiRefusal like for what does not exist */
export function ownOrSeen<Row extends { customer_id: number }>(
  c: ApiContext,
  row: Row | null,
  { thing, subject = inEnglish(thing) }: { thing: Reason; subject?: string },
): Row {
  const { actor } = c.var;
  if (row === null || (row.customer_id !== actor.customerId && !actor.isAdmin)) throw notFound(thing);
  actingOn(c, { ownerCustomerId: row.customer_id, subject });
  return row;
}
