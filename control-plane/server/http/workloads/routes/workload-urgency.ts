/**
 * What an administrator puts before all others that wait, whatever anybody's share, until that is taken back. Each is in
 * the audit log, and among the events of the workload.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { transaction } from "../../../store/database/transaction.ts";
import { appendEvents } from "../../../store/events/events.ts";
import { setUrgent } from "../../../store/placement/urgent-workloads.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { notFound } from "../../request/refusal.ts";
import { forAdmins, ok, WorkloadIdPath } from "../../request/route.ts";
import { orderContextOf } from "../orders.ts";
import type { RoutedKind } from "../routed-kind.ts";
import { workloadThing } from "../workload-thing.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";

/** An operator who makes a service urgent wants it served, after a lost host too; growth is bounded by its owner's quota. */
const LASTS =
  "It lasts until it is taken back, or the workload is over or deleted: each later start, restart and retry is urgent, too, and of a service each replica that autoscaling, a new revision or a lost host has it want, up to its max_replicas.";

const Urgency = z
  .object({
    id: z.string().openapi({ description: "The workload", example: "job-7c1e92d0" }),
    is_urgent: z.boolean().openapi({
      description: "Whether an administrator put it before all others that wait",
      example: false,
    }),
  })
  .openapi("Urgency");

const put = ({ path, many, schema }: RoutedKind) =>
  createRoute({
    ...forAdmins,
    method: "put",
    path: `/${path}/{id}/urgent`,
    operationId: `make${schema}Urgent`,
    tags: [many],
    summary: "Have it tried before all others whenever it waits, whatever anybody's share",
    description: LASTS,
    request: { params: WorkloadIdPath },
    responses: ok("It is urgent", Urgency),
  });

const remove = ({ path, many, schema }: RoutedKind) =>
  createRoute({
    ...forAdmins,
    method: "delete",
    path: `/${path}/{id}/urgent`,
    operationId: `end${schema}Urgency`,
    tags: [many],
    summary: "Have it wait for its turn like all others",
    request: { params: WorkloadIdPath },
    responses: ok("It is urgent no more", Urgency),
  });

export function registerWorkloadUrgency(api: ApiApp, { link }: ApiDeps, routed: RoutedKind): void {
  api.openapi(put(routed), async (c) => {
    const answer = await setUrgency(c, routed, { id: c.req.valid("param").id, isUrgent: true });
    link.wake();
    return c.json(answer, 200);
  });
  api.openapi(remove(routed), async (c) =>
    c.json(await setUrgency(c, routed, { id: c.req.valid("param").id, isUrgent: false }), 200),
  );
}

async function setUrgency(
  c: ApiContext,
  routed: RoutedKind,
  { id, isUrgent }: { id: string; isUrgent: boolean },
): Promise<z.input<typeof Urgency>> {
  const { kind, what } = routed;
  const { actor, now } = orderContextOf(c);
  await transaction(c.var.deps.db, async (sql) => {
    const row = await routed.byId(sql, id);
    if (row === null) throw notFound(workloadThing(what, id));
    if (!(await setUrgent(sql, { kind, id, isUrgent, now }))) return;
    await appendEvents(sql, [
      {
        at: now,
        kind: "changed",
        workloadKind: kind,
        workloadId: id,
        customerId: row.customer_id,
        actor,
        old: null,
        new: null,
        reason: isUrgent ? reasonOf("made-urgent") : reasonOf("urgency-ended"),
      },
    ]);
  });
  return { id, is_urgent: isUrgent };
}
