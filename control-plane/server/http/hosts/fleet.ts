/** For administrators: the fleet in numbers, and usage that was refused. */
import { createRoute, z } from "@hono/zod-openapi";
import { GIB } from "@remotegpu/shared/values/units";
import { fleetNumbers, quarantinedUsage } from "../../store/fleet/fleet.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { numericPage, pageOf, pageQuery, toPage } from "../request/pagination.ts";
import { forAdmins, ok, OpaqueIdPath, Timestamp } from "../request/route.ts";

const tags = ["fleet"];

const count = z.int();
const Fleet = z
  .object({
    hosts_total: count.openapi({ description: "Hosts", example: 12 }),
    hosts_connected: count.openapi({ description: "Hosts that are heard", example: 12 }),
    hosts_cordoned: count,
    cpu_total: count.openapi({ description: "Cores", example: 768 }),
    cpu_free: count.openapi({ description: "Cores that nobody holds", example: 512 }),
    memory_total: count.openapi({ description: "Bytes", example: 6144 * GIB }),
    memory_free: count.openapi({ description: "Bytes of memory that nobody holds", example: 4096 * GIB }),
    gpus_total: count,
    gpus_free: count,
    gpus_simulated: count.openapi({ description: "GPUs that are simulated ones", example: 0 }),
    environments_running: count.openapi({ description: "Environments that run", example: 31 }),
    queued: count,
    runs_uncharged: count.openapi({
      description: "Runs with proven time that no charge has counted yet",
      example: 31,
    }),
    pending_usage_rows: count.openapi({
      description: "Journal rows that hosts have and nobody has decided yet",
      example: 12,
    }),
    alarms_open: count,
  })
  .openapi("Fleet");

const Quarantined = z
  .object({
    id: z.int(),
    host_id: z.string(),
    journal_id: z.string().nullable(),
    seq: z.int().nullable(),
    run_id: z.string().nullable(),
    reason: z.string().openapi({ description: "Why it was refused", example: "over-claim" }),
    excess_ms: z.int().nullable(),
    at: Timestamp,
    resolved_at: Timestamp.nullable().describe("When that was settled; null: not yet"),
  })
  .openapi("QuarantinedUsage");

const getFleet = createRoute({
  ...forAdmins,
  method: "get",
  path: "/fleet",
  tags,
  summary: "Totals, what is free, what waits, usage that is not decided yet",
  responses: ok("The numbers", Fleet),
});

const getQuarantine = createRoute({
  ...forAdmins,
  method: "get",
  path: "/quarantine",
  tags,
  summary: "Usage that was refused; newest first",
  request: { query: z.strictObject({ ...pageQuery, host_id: OpaqueIdPath.shape.id.optional() }) },
  responses: ok("A page of refused usage", pageOf(Quarantined)),
});

export function registerFleetRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(getFleet, async (c) => c.json(await fleetNumbers(db), 200));

  api.openapi(getQuarantine, async (c) => {
    const query = c.req.valid("query");
    const page = numericPage(query);
    const rows = await quarantinedUsage(db, { hostId: query.host_id ?? null, page });
    const item = (row: (typeof rows)[number]) => ({
      ...row,
      at: row.at.toISOString(),
      resolved_at: row.resolved_at?.toISOString() ?? null,
    });
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.id] }), 200);
  });
}
