/** What a workload's people ask about it, whatever its kind: what happened, and where it runs and ran. */
import { createRoute, z } from "@hono/zod-openapi";
import { workloadEvents } from "../../../store/events/events.ts";
import { seenInstances } from "../../../store/overview/seen-instances.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { eventPage, EventPage } from "../event-answer.ts";
import { Instance, instanceAnswer } from "../instance-answer.ts";
import { numericPage, pageOf, pageQuery, PageQuery, wholePage } from "../../request/pagination.ts";
import { forCustomers, ok, WorkloadIdPath } from "../../request/route.ts";
import { type RoutedKind, workloadFor } from "../routed-kind.ts";

const params = WorkloadIdPath;

const eventsOf = ({ path, many }: RoutedKind) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}/{id}/events`,
    tags: [many],
    summary: "What happened to it, newest first",
    request: { params, query: PageQuery },
    responses: ok("A page of events", EventPage),
  });

const InstancesQuery = z.strictObject({
  ...pageQuery,
  /** Also replicas that are over and hold nothing any more. */
  all: z.enum(["true", "false"]).optional().openapi({
    description: "true: also replicas that are over and hold nothing any more",
  }),
});

const instancesRoute = ({ path, many }: RoutedKind) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}/{id}/instances`,
    tags: [many],
    summary: "Where it runs, on which GPUs, for how long and at what charge; how its runs ended",
    request: { params, query: InstancesQuery },
    responses: ok("Its instances by their ranks, all of them without a limit", pageOf(Instance)),
  });

export function registerWorkloadStory(api: ApiApp, { db, now }: ApiDeps, routed: RoutedKind): void {
  const { kind } = routed;

  api.openapi(eventsOf(routed), async (c) => {
    const { id } = await workloadFor(c, routed, c.req.valid("param").id, "read-workload");
    const page = numericPage(c.req.valid("query"));
    const rows = await workloadEvents(db, { kind, id }, page);
    return c.json(eventPage(rows, page.limit), 200);
  });

  api.openapi(instancesRoute(routed), async (c) => {
    const { id } = await workloadFor(c, routed, c.req.valid("param").id, "read-workload");
    const query = c.req.valid("query");
    const withGone = query.all === "true";
    const views =
      (await seenInstances(db, kind, [id], { now: now(), withTails: true, withGone })).get(id) ?? [];
    const item = (view: (typeof views)[number]) => instanceAnswer(c, view);
    return c.json(wholePage(views, query, { item, number: ({ rank }) => rank }), 200);
  });
}
