/** For administrators: every host and card in one answer, who holds which, and what all of it sums up to. */
import { createRoute, z } from "@hono/zod-openapi";
import { HOST_CONNECTIONS, WORKLOAD_KINDS } from "@remotegpu/shared/workload";
import {
  type CardOnMap as CardOnMapRow,
  fleetMap,
  type HostOnMap as HostOnMapRow,
} from "../../store/overview/fleet-map.ts";
import { KeptFigures } from "../../store/overview/fleet-figures.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { limitUpTo, pageQuery, textPage, toPage } from "../request/pagination.ts";
import { forAdmins, Money, ok, Timestamp } from "../request/route.ts";

const MAX_HOSTS = 1_000;

const count = z.int();
const seconds = z.int().nullable();

const FleetTotals = z
  .object({
    hosts_up: count,
    hosts_suspect: count,
    hosts_unreachable: count,
    hosts_cordoned: count,
    gpus_total: count,
    gpus_free: count,
    gpus_held: count,
    gpus_cordoned: count,
    queued: count,
    oldest_wait_seconds: seconds.openapi({
      description: "How long the first has waited; null: nothing waits",
    }),
    pending_usage_rows: count,
    pending_usage_age_seconds: seconds.openapi({
      description:
        "The longest time since anything was taken of a journal that has more than was taken; null: none has",
    }),
    alarms_open: count,
    earned_this_hour: Money.nullable().openapi({
      description:
        "Charged since the last full hour, less what was given back, with proven time that is not charged yet; null without the scope money",
    }),
  })
  .openapi("FleetTotals");

const Holder = z
  .object({ kind: z.enum(WORKLOAD_KINDS), id: z.string(), name: z.string() })
  .openapi("CardHolder");

const CardOnMap = z
  .object({
    uuid: z.string().nullable(),
    gpu_index: count.nullable(),
    name: z.string().nullable(),
    memory_total: count.nullable(),
    memory_used_mib: count.nullable(),
    utilization_percent: count.nullable(),
    temperature_c: count.nullable(),
    power_w: z.string().nullable(),
    sampled_at: Timestamp.nullable(),
    health_status: z.string(),
    cordoned: z.boolean(),
    simulated: z.boolean(),
    free: z.boolean().openapi({ description: "True: an order could take all of it now" }),
    vanished_at: Timestamp.nullable(),
    holders: z.array(Holder).openapi({ description: "Whose instances have it, or a slice of it" }),
  })
  .openapi("CardOnMap");

const HostOnMap = z
  .object({
    id: z.string(),
    host_name: z.string(),
    status: z.string(),
    status_reason: z.string().nullable(),
    connection: z.enum(HOST_CONNECTIONS),
    cordoned: z.boolean(),
    simulated: z.boolean(),
    labels: z.record(z.string(), z.string()).nullable(),
    last_heartbeat_at: Timestamp.nullable(),
    gpus: z.array(CardOnMap).openapi({ description: "By where they sit; one that vanished keeps its place" }),
  })
  .openapi("HostOnMap");

const FleetMapAnswer = z
  .object({
    at: Timestamp,
    totals: FleetTotals,
    hosts: z.array(HostOnMap),
    next_cursor: z.string().nullable(),
  })
  .openapi("FleetMap");

export type FleetMap = z.infer<typeof FleetMapAnswer>;

const getMap = createRoute({
  ...forAdmins,
  method: "get",
  path: "/fleet/map",
  tags: ["fleet"],
  summary: "Every host with its cards and who holds them, and what the whole fleet sums up to",
  description:
    "The totals are of the whole fleet, whatever page is asked for. What is no sum of hosts may be a second old.",
  request: { query: z.strictObject({ ...pageQuery, limit: limitUpTo(MAX_HOSTS, MAX_HOSTS) }) },
  responses: ok("The map", FleetMapAnswer),
});

export function registerFleetMapRoute(api: ApiApp, deps: ApiDeps): void {
  const figures = new KeptFigures(deps);

  api.openapi(getMap, async (c) => {
    const query = c.req.valid("query");
    const page = textPage({ ...query, limit: query.limit ?? MAX_HOSTS });
    const [map, told] = await Promise.all([fleetMap(deps.db, page), figures.recent()]);
    const { items, next_cursor } = toPage(map.hosts, page.limit, { item: hostOnMap, key: ({ id }) => [id] });
    const earned = showsMoney(c) ? told.earned_this_hour : null;
    const totals = { ...map.totals, ...told, earned_this_hour: earned };
    return c.json({ at: deps.now().toISOString(), totals, hosts: items, next_cursor }, 200);
  });
}

function hostOnMap({ heard_ms: heardMs, gpus, ...host }: HostOnMapRow): FleetMap["hosts"][number] {
  return { ...host, last_heartbeat_at: momentOf(heardMs), gpus: gpus.map(cardOnMap) };
}

/** Field by field, since there may be thousands of them. */
function cardOnMap(card: CardOnMapRow): FleetMap["hosts"][number]["gpus"][number] {
  return {
    uuid: card.uuid,
    gpu_index: card.gpu_index,
    name: card.name,
    memory_total: card.memory_total,
    memory_used_mib: card.memory_used_mib,
    utilization_percent: card.utilization_percent,
    temperature_c: card.temperature_c,
    power_w: card.power_w,
    sampled_at: momentOf(card.sampled_ms),
    health_status: card.health_status,
    cordoned: card.cordoned,
    simulated: card.simulated,
    free: card.free,
    vanished_at: momentOf(card.vanished_ms),
    holders: card.holders.map(({ kind, id, name }) => ({ kind, id, name })),
  };
}

function momentOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
