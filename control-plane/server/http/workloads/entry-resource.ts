/**
 * What opens one workload to somebody: keys, tickets and shares. Its list, one of it and its end are routes made here, as
 * registerResource makes those of what belongs to an account; how one is made and changed, each says itself.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiContext } from "../deps.ts";
import { numericPage, pageOf, PageQuery, type PageRequest, toPage } from "../request/pagination.ts";
import { forCustomers, noContent, ok, WorkloadIdPath } from "../request/route.ts";
import { type RoutedKind, workloadFor } from "./routed-kind.ts";

interface Operation {
  operationId: string;
  summary: string;
}

/** One entry of one workload. */
export interface NamedEntry {
  workloadId: string;
  id: number;
}

interface EntryResource<Row extends { id: number }, View extends object> {
  /** Whose entries they are. */
  kind: Pick<RoutedKind, "path" | "what" | "byId">;
  /** The name of all of them below the workload's path. */
  path: string;
  /** How an id stands behind that. */
  one: {
    path: `{${string}}`;
    params: z.ZodPipe<z.ZodObject, z.ZodTransform<NamedEntry>>;
  };
  tags: string[];
  Answer: z.ZodType<unknown, View>;
  answer: (row: Row) => View;
  /** One row more than the page's limit, for whoever may read the workload. */
  list: Operation & {
    answers: string;
    rows: (c: ApiContext, workloadId: string, page: PageRequest<number>) => Promise<readonly Row[]>;
  };
  /** @throws ApiRefusal where the workload has no such entry */
  get?: Operation & { answers: string; find: (c: ApiContext, entry: NamedEntry) => Promise<Row> };
  /** By whoever may manage the workload. @throws ApiRefusal where the workload has no such entry */
  remove: Operation & { end: (c: ApiContext, entry: NamedEntry) => Promise<void> };
}

export function registerEntryResource<Row extends { id: number }, View extends object>(
  api: ApiApp,
  resource: EntryResource<Row, View>,
): void {
  const { kind, tags, Answer, answer, list, get, remove } = resource;
  const path = `/${kind.path}/{id}/${resource.path}`;
  const one = { path: `${path}/${resource.one.path}`, request: { params: resource.one.params } };

  api.openapi(
    createRoute({
      ...forCustomers,
      operationId: list.operationId,
      summary: list.summary,
      method: "get",
      path,
      tags,
      request: { params: WorkloadIdPath, query: PageQuery },
      responses: ok(list.answers, pageOf(Answer)),
    }),
    async (c) => {
      const { id } = await workloadFor(c, kind, c.req.valid("param").id, "read-workload");
      const page = numericPage(c.req.valid("query"));
      const rows = await list.rows(c, id, page);
      return c.json(toPage(rows, page.limit, { item: answer, key: (row) => [row.id] }), 200);
    },
  );
  if (get !== undefined)
    api.openapi(
      createRoute({
        ...forCustomers,
        operationId: get.operationId,
        summary: get.summary,
        method: "get",
        ...one,
        tags,
        responses: ok(get.answers, Answer),
      }),
      async (c) => {
        const entry = c.req.valid("param");
        await workloadFor(c, kind, entry.workloadId, "read-workload");
        return c.json(answer(await get.find(c, entry)), 200);
      },
    );
  api.openapi(
    createRoute({
      ...forCustomers,
      operationId: remove.operationId,
      summary: remove.summary,
      method: "delete",
      ...one,
      tags,
      responses: noContent("It opens nothing any more"),
    }),
    async (c) => {
      const entry = c.req.valid("param");
      await workloadFor(c, kind, entry.workloadId, "manage-workload");
      await remove.end(c, entry);
      return c.body(null, 204);
    },
  );
}
