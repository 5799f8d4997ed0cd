/** What an environment's people ask about it while it is not where they want it: why it waits. */
import { createRoute, z } from "@hono/zod-openapi";
import { placementRequest } from "../../core/environment-order.ts";
import { describeObstacle } from "../../core/placement/fits-on.ts";
import { place } from "../../core/placement/placement.ts";
import { positionInQueue } from "../../core/queue/queue.ts";
import { pricedModelsFor } from "../../store/environments/order-prices.ts";
import type { EnvironmentRow } from "../../store/environments/environments.ts";
import { fleetSnapshot } from "../../store/placement/fleet-snapshot.ts";
import { poolSkips } from "../../store/placement/pool-skips.ts";
import { standingOf, waitingOrders } from "../../store/placement/waiting.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { environmentFor } from "./environment-access.ts";
import { forCustomers, ok, WorkloadIdPath } from "../request/route.ts";

const tags = ["environments"];
const params = WorkloadIdPath;

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
  api.openapi(why, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "read-workload");
    return c.json(await whyOf(deps, environment), 200);
  });
}

async function whyOf({ db, now }: ApiDeps, environment: EnvironmentRow): Promise<z.input<typeof Why>> {
  const { status } = environment;
  const reason = environment.status_reason ?? sayingOf(environment);
  if (status !== "queued") return { status, reason, position: null, hosts: [] };
  const waiting = await waitingOrders(db, { now: now() });
  const line = waiting.map(({ stand }) => stand);
  return {
    status,
    reason,
    position: positionInQueue(line, environment.id, await standingOf(db, waiting, now())),
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
