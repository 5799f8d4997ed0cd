/** Workloads of any kind, listed and read. */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp } from "../../deps.ts";
import { visibleWorkloads } from "../../request/authorization.ts";
import { pageOf, pageQuery, timePage } from "../../request/pagination.ts";
import { forCustomers, NumericId, ok, WorkloadIdPath } from "../../request/route.ts";
import type { RoutedKind } from "../routed-kind.ts";
import { valuesQuery } from "../visible-env-vars.ts";

const listOf = ({ path, many, filters, Answer }: RoutedKind) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}`,
    tags: [many],
    summary: `The ${many} of your workspaces, newest first`,
    request: {
      query: z.strictObject({
        ...pageQuery,
        workspace_id: NumericId.optional(),
        customer_id: NumericId.optional(),
        ...filters,
      }),
    },
    responses: ok(`A page of ${many}`, pageOf(Answer)),
  });

const getOf = ({ path, many, what, summaryOfOne, Answer }: RoutedKind) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}/{id}`,
    tags: [many],
    summary: summaryOfOne,
    request: { params: WorkloadIdPath, query: z.strictObject(valuesQuery) },
    responses: ok(`The ${what}`, Answer),
  });

export function registerWorkloadPages(api: ApiApp, routed: RoutedKind): void {
  api.openapi(listOf(routed), async (c) => {
    const query = c.req.valid("query");
    const filter = {
      visibleTo: await visibleWorkloads(c, routed.many),
      workspaceId: query.workspace_id ?? null,
      customerId: query.customer_id ?? null,
      status: query.status ?? null,
      hostId: "host_id" in query ? (query.host_id ?? null) : null,
      groupId: "group_id" in query ? (query.group_id ?? null) : null,
      name: query.name ?? null,
    };
    return c.json(await routed.answers(c, filter, timePage(query)), 200);
  });

  api.openapi(getOf(routed), async (c) => {
    return c.json(await routed.answerFor(c, c.req.valid("param").id), 200);
  });
}
