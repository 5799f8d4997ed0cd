/** What is ordered for a workload that is there: the verbs that its kind has, and its deletion. */
import { createRoute, z } from "@hono/zod-openapi";
import { transaction } from "../../../store/database/transaction.ts";
import type { ApiApp } from "../../deps.ts";
import { once } from "../../request/idempotency.ts";
import { accepted, forCustomers, ok, WorkloadIdPath } from "../../request/route.ts";
import { refuseUnlessDone, notifyOf } from "../orders.ts";
import { type Means, type RoutedKind, workloadFor } from "../routed-kind.ts";

type Orders = NonNullable<RoutedKind["orders"]>;

const verbOf = (
  { path, many, Answer }: RoutedKind,
  { status, description }: Orders["answered"],
  { name, summary, problems }: Orders["verbs"][number],
) =>
  createRoute({
    ...forCustomers,
    ...(problems !== undefined && { "x-problems": problems }),
    method: "post",
    path: `/${path}/{id}/${name}`,
    tags: [many],
    summary,
    request: { params: WorkloadIdPath },
    responses: status === 202 ? accepted(description, Answer) : ok(description, Answer),
  });

const removalOf = ({ path, many, schema }: RoutedKind) =>
  createRoute({
    ...forCustomers,
    method: "delete",
    path: `/${path}/{id}`,
    tags: [many],
    summary: "Delete it, in whatever state it is",
    request: { params: WorkloadIdPath },
    responses: accepted(
      "It is being deleted, or is already",
      z
        .object({ id: z.string(), status: z.literal("deleting").describe("It goes on by itself") })
        .openapi(`${schema}Deletion`),
    ),
  });

export function registerWorkloadVerbs(api: ApiApp, means: Means, routed: RoutedKind): void {
  if (routed.orders === null) return;
  const { answered, verbs, deletion } = routed.orders;

  if (deletion !== null)
    api.openapi(removalOf(routed), async (c) => {
      const { id } = await workloadFor(c, routed, c.req.valid("param").id, "manage-workload");
      const outcome = await transaction(c.var.deps.db, (sql) => deletion(c, sql, id));
      notifyOf(c, refuseUnlessDone(outcome).hostIds);
      return c.json({ id, status: "deleting" as const }, 202);
    });

  for (const verb of verbs)
    api.openapi(verbOf(routed, answered, verb), async (c) => {
      const { id } = await workloadFor(c, routed, c.req.valid("param").id, "manage-workload");
      const order = await verb.prepare(means);
      return await once(c, async (sql, afterwards) => {
        const { hostIds } = refuseUnlessDone(await order(c, sql, id));
        afterwards(() => notifyOf(c, hostIds));
        return c.json(await routed.answerOf(c, sql, id), answered.status);
      });
    });
}
