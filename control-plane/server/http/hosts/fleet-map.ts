/** For administrators: every host and card in one answer, who holds which, and what all of it sums up to. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { faultText } from "../../core/hosts/card-fault.ts";
import { HOST_CONNECTIONS, WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import {
  type CardOnMap as CardOnMapRow,
  fleetMap,
  type HostOnMap as HostOnMapRow,
} from "../../store/overview/fleet-map.ts";
import type { MapGroup } from "../../store/overview/map-line.ts";
import { CachedFigures } from "../../store/overview/fleet-figures.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { cursorAfter, limitUpTo, pageQuery, textPage, toPage } from "../request/pagination.ts";
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
    reason: z
      .string()
      .nullable()
      .openapi({ description: "Why nothing new is placed on it; null: nothing speaks against it" }),
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
    group: z
      .string()
      .nullable()
      .openapi({ description: "Empty for a host without it; null without group_by" }),
    last_heartbeat_at: Timestamp.nullable(),
    gpus: z.array(CardOnMap).openapi({ description: "By where they sit; one that vanished keeps its place" }),
  })
  .openapi("HostOnMap");

const HostGroup = z
  .object({
    name: z.string(),
    hosts: count.openapi({ description: "Hosts of it that match, on whatever page" }),
  })
  .openapi("HostGroup");

const FleetMapAnswer = z
  .object({
    at: Timestamp,
    totals: FleetTotals,
    hosts: z.array(HostOnMap),
    next_cursor: z.string().nullable(),
    previous_cursor: z.string().nullable().openapi({
      description: "Of the page before this one; null where that is the first, or this one is",
    }),
    hosts_found: count.openapi({ description: "Hosts that match, on whatever page" }),
    hosts_before: count.openapi({ description: "How many of them come before this page" }),
    gpus_found: count.nullable().openapi({
      description: "Their GPUs that are free with so much memory; null without free_gpu_memory",
    }),
    groups: z
      .array(HostGroup)
      .openapi({ description: "Those of which this page has hosts; empty without group_by" }),
    label_keys: z.array(z.string()).openapi({ description: "By which hosts of the fleet can be grouped" }),
  })
  .openapi("FleetMap");

export type FleetMap = z.infer<typeof FleetMapAnswer>;

const LABEL = "label:";
const MAX_GROUP_LENGTH = 264;

const MapQuery = z.strictObject({
  ...pageQuery,
  limit: limitUpTo(MAX_HOSTS, MAX_HOSTS),
  search: text(200).min(1).optional().openapi({
    description: "Only hosts with this part in id, name or a label as key=value, in capitals or not",
    example: "rack=r7",
  }),
  free_gpu_memory: z
    .string()
    .regex(/^[0-9]{1,15}$/, "must be a whole number of bytes")
    .transform(Number)
    .optional()
    .openapi({ type: "integer", minimum: 0 }),
  group_by: text(MAX_GROUP_LENGTH)
    .regex(/^(model|label:.+)$/, "must be model, or label: and a label's key")
    .optional(),
});

const getMap = createRoute({
  ...forAdmins,
  method: "get",
  path: "/fleet/map",
  tags: ["fleet"],
  summary: "Every host with its cards and who holds them, and what the whole fleet sums up to",
  description:
    "Hosts are sorted by their groups, with group_by, and ids. The totals are of the whole fleet, whatever the page and the filters. What is no sum of hosts may be a second old, or five times as old as it takes to read it.",
  request: { query: MapQuery },
  responses: ok("The map", FleetMapAnswer),
});

export function registerFleetMapRoute(api: ApiApp, deps: ApiDeps): void {
  const figures = new CachedFigures(deps);

  api.openapi(getMap, async (c) => {
    const query = c.req.valid("query");
    const { search = null, free_gpu_memory: freeGpuMemory = null } = query;
    const group = query.group_by === undefined ? null : groupOf(query.group_by);
    const { limit, after } = textPage({ ...query, limit: query.limit ?? MAX_HOSTS });
    const [map, reported] = await Promise.all([
      fleetMap(deps.db, { limit, after, search, freeGpuMemory, group }),
      figures.recent(),
    ]);
    const visible = toPage(map.hosts, limit, {
      item: (host) => hostOnMap(host, group !== null),
      key: ({ id }) => [id],
    });
    const earned = showsMoney(c) ? reported.earned_this_hour : null;
    const before = map.hosts[0]?.before_previous ?? null;
    const answer = {
      at: deps.now().toISOString(),
      totals: { ...map.totals, ...reported, earned_this_hour: earned },
      hosts: visible.items,
      next_cursor: visible.next_cursor,
      previous_cursor: before === null ? null : cursorAfter([before]),
      hosts_found: map.found,
      hosts_before: map.before,
      gpus_found: map.foundGpus,
      groups: group === null ? [] : groupsOf(map.hosts.slice(0, limit)),
      label_keys: map.labelKeys,
    };
    return c.json(answer, 200);
  });
}

function groupOf(name: string): MapGroup {
  return name.startsWith(LABEL) ? { by: "label", key: name.slice(LABEL.length) } : { by: "model" };
}

function groupsOf(hosts: readonly HostOnMapRow[]): FleetMap["groups"] {
  const sizes = new Map(hosts.map(({ group_name: name, of_group: size }) => [name, size]));
  return [...sizes].map(([name, size]) => ({ name, hosts: size }));
}

function hostOnMap(host: HostOnMapRow, isGrouped: boolean): FleetMap["hosts"][number] {
  return {
    id: host.id,
    host_name: host.host_name,
    status: host.status,
    status_reason: host.status_reason,
    connection: host.connection,
    cordoned: host.cordoned,
    simulated: host.simulated,
    labels: host.labels,
    group: isGrouped ? host.group_name : null,
    last_heartbeat_at: momentOf(host.heard_ms),
    gpus: host.gpus.map(cardOnMap),
  };
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
    reason: reasonOf(card),
    simulated: card.simulated,
    free: card.free,
    vanished_at: momentOf(card.vanished_ms),
    holders: card.holders.map(({ kind, id, name }) => ({ kind, id, name })),
  };
}

/** Its host's words with their code; else an administrator's. */
function reasonOf({ fault, cordoned, cordon_reason: reason }: CardOnMapRow): string | null {
  if (fault !== null && (!cordoned || reason === null || reason === fault.reason)) return faultText(fault);
  return cordoned ? reason : null;
}

function momentOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
