/** What an environment's people ask about it: what happened, where it runs, and why it waits. */
import { createRoute, z } from "@hono/zod-openapi";
import { placementRequest } from "../../core/environment-order.ts";
import { describeObstacle } from "../../core/fits-on.ts";
import { place } from "../../core/placement.ts";
import { positionInQueue } from "../../core/queue.ts";
import { pricedModelsFor } from "../../store/environments/environment-checks.ts";
import type { EnvironmentRow } from "../../store/environments/environments.ts";
import { type EventRow, workloadEvents } from "../../store/events.ts";
import { fleetSnapshot } from "../../store/placement/fleet-snapshot.ts";
import { instancesOf } from "../../store/placement/instances.ts";
import { poolSkips } from "../../store/placement/pool-skips.ts";
import { waitingEnvironments } from "../../store/placement/waiting.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { environmentFor } from "./environment-access.ts";
import { Instance, instanceAnswer } from "../instance-answer.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { forCustomers, ok, WorkloadIdPath, Timestamp } from "../request/route.ts";

const tags = ["environments"];
const params = WorkloadIdPath;

/** Beyond this nobody counts; the answer says "null" for a position further back. */
const MAX_QUEUE = 10_000;

const Event = z
  .object({
    id: z.int(),
    at: Timestamp,
    kind: z.string(),
    actor: z.string().nullable(),
    old: z.string().nullable(),
    new: z.string().nullable(),
    reason: z.string().nullable(),
    instance_id: z.string().nullable(),
    host_id: z.string().nullable(),
    gpu_uuid: z.string().nullable(),
  })
  .openapi("Event");

const Why = z
  .object({
    status: z.string(),
    reason: z.string().nullable(),
    /** 1 for the next in line; null when it does not wait. */
    position: z.int().nullable(),
    hosts: z.array(
      z.object({
        host_id: z.string(),
        host_name: z.string(),
        /** True where it would fit now. */
        fits: z.boolean(),
        reason: z.string(),
        obstacles: z.array(z.string()),
      }),
    ),
  })
  .openapi("Why");

const events = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments/{id}/events",
  tags,
  summary: "What happened to it, newest first",
  request: { params, query: PageQuery },
  responses: ok("A page of events", pageOf(Event)),
});

const instances = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments/{id}/instances",
  tags,
  summary: "Where it runs, on which GPUs, for how long and at what charge",
  request: { params, query: PageQuery },
  responses: ok("Its instances", pageOf(Instance)),
});

const why = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments/{id}/why",
  tags,
  summary: "Why it waits, host by host; of a running one, where it runs",
  request: { params },
  responses: ok("The reasons", Why),
});

export function registerEnvironmentStoryRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(events, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "read-workload");
    const page = numericPage(c.req.valid("query"));
    const rows = await workloadEvents(db, { kind: "environment", id }, page);
    return c.json(toPage(rows, page.limit, { item: eventAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(instances, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "read-workload");
    const views = (await instancesOf(db, "environment", [id])).get(id) ?? [];
    return c.json({ items: views.map(instanceAnswer), next_cursor: null }, 200);
  });

  api.openapi(why, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "read-workload");
    return c.json(await whyOf(deps, environment), 200);
  });
}

function eventAnswer(row: EventRow): z.input<typeof Event> {
  const { workload_kind: _kind, workload_id: _id, ...shown } = row;
  return { ...shown, at: row.at.toISOString() };
}

async function whyOf({ db, now }: ApiDeps, environment: EnvironmentRow): Promise<z.input<typeof Why>> {
  const { status } = environment;
  const reason = environment.status_reason ?? sayingOf(environment);
  if (status !== "queued") return { status, reason, position: null, hosts: [] };
  const waiting = await waitingEnvironments(db, MAX_QUEUE);
  const queue = waiting.map((one) => ({
    id: one.environment.id,
    priority: 0,
    orderedAtMs: one.orderedAt.getTime(),
  }));
  return {
    status,
    reason,
    position: positionInQueue(queue, environment.id),
    hosts: await hostReasons(db, environment, now()),
  };
}

/** A status that needs no reason still deserves an answer. */
function sayingOf({ status, host_id, host_name }: EnvironmentRow): string | null {
  return status === "running" && host_id !== null ? `It runs on host ${host_name ?? host_id}.` : null;
}

async function hostReasons(
  db: ApiDeps["db"],
  environment: EnvironmentRow,
  now: Date,
): Promise<z.input<typeof Why>["hosts"]> {
  const request = placementRequest(environment, {
    skips: await poolSkips(db, environment.id),
    pricedModels: await pricedModelsFor(db, environment, now),
  });
  const { hosts } = await fleetSnapshot(db, { now });
  return hosts
    .map((host) => {
      const options = { policy: "best-fit", seed: 0, now: now.getTime() } as const;
      const decision = place({ hosts: [host] }, [request], options).decisions[0];
      const obstacles =
        decision === undefined || decision.placed
          ? []
          : (decision.hosts[0]?.obstacles ?? []).map(describeObstacle);
      return {
        host_id: host.id,
        host_name: host.name,
        fits: obstacles.length === 0,
        reason: obstacles.length === 0 ? "it fits here now" : obstacles.join("; "),
        obstacles,
      };
    })
    .sort((a, b) => (a.host_id < b.host_id ? -1 : 1));
}
