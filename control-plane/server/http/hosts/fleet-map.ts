/** For administrators: every host and card in one answer, who holds which, and what all of it sums up to. */
import { createRoute, z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { text } from "@remotegpu/shared/values/text";
import { whyFaulty } from "../../core/hosts/card-fault.ts";
import { HOST_CONNECTIONS, WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import { GIB } from "@remotegpu/shared/values/units";
import {
  type CardOnMap as CardOnMapRow,
  fleetMap,
  type HostOnMap as HostOnMapRow,
} from "../../store/overview/fleet-map.ts";
import type { MapGroup } from "../../store/overview/map-line.ts";
import { CachedFigures } from "../../store/overview/fleet-figures.ts";
import { storedReason } from "../../store/database/values/reason-columns.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import {
  REASON_FIELDS,
  type ReasonAnswer,
  reasonAnswer,
  STATUS_REASON_FIELDS,
} from "../request/reason-answer.ts";
import { cursorAfter, limitUpTo, pageQuery, textPage, toPage } from "../request/pagination.ts";
import { forAdmins, Money, ok, Timestamp } from "../request/route.ts";

const MAX_HOSTS = 1_000;

const count = z.int();
const seconds = z.int().nullable();

const FleetTotals = z
  .object({
    hosts_up: count.openapi({ description: "Hosts that are heard", example: 12 }),
    hosts_suspect: count.openapi({ description: "Hosts that were not heard for 30 s", example: 0 }),
    hosts_unreachable: count.openapi({ description: "Hosts that were not heard for 90 s", example: 0 }),
    hosts_cordoned: count,
    gpus_total: count,
    gpus_free: count,
    gpus_held: count.openapi({ description: "GPUs that somebody holds, or a slice of them", example: 56 }),
    gpus_cordoned: count.openapi({
      description: "GPUs that are out of service by themselves, whatever their host is",
      example: 0,
    }),
    queued: count,
    oldest_wait_seconds: seconds.openapi({
      description: "How long the first has waited; null: nothing waits",
      example: 340,
    }),
    pending_usage_rows: count.openapi({
      description: "Journal rows that hosts have and nobody has decided yet",
      example: 12,
    }),
    pending_usage_age_seconds: seconds.openapi({
      description:
        "The longest time since anything was taken of a journal that has more than was taken; null: none has",
      example: 20,
    }),
    alarms_open: count,
    earned_this_hour: Money.nullable().openapi({
      description:
        "Charged since the last full hour, less what was given back, with proven time that is not charged yet; null without the scope money",
    }),
  })
  .openapi("FleetTotals");

const Holder = z
  .object({
    kind: z.enum(WORKLOAD_KINDS).openapi({
      description: "environment, training or inference",
      example: "environment",
    }),
    id: z.string().openapi({ description: "The workload's id", example: "env-3f6b1a52" }),
    name: z.string().openapi({ description: "What it is called", example: "notebook" }),
  })
  .openapi("CardHolder");

const CardOnMap = z
  .object({
    uuid: z.string().nullable().openapi({
      description: "Its id; null for one that only the old system knew",
      example: "GPU-8f3a2b1c-4d5e-6f70-8192-a3b4c5d6e7f8",
    }),
    gpu_index: count.nullable().openapi({
      description: "Its number in the host; null for one that vanished",
      example: 0,
    }),
    name: z.string().nullable().openapi({ description: "The model", example: "NVIDIA A100-SXM4-80GB" }),
    memory_total: count.nullable().openapi({ description: "Its memory in bytes", example: 80 * GIB }),
    memory_used_mib: count.nullable(),
    utilization_percent: count.nullable(),
    temperature_c: count.nullable(),
    power_w: z.string().nullable(),
    sampled_at: Timestamp.nullable(),
    health_status: z.string(),
    cordoned: z.boolean().describe("True: nothing new is placed on it"),
    reason: z.string().nullable().openapi({
      description: "Why nothing new is placed on it; null: nothing speaks against it",
      example: "It needs a reset (requires-reset)",
    }),
    ...REASON_FIELDS,
    simulated: z.boolean(),
    free: z.boolean().openapi({ description: "True: an order could take all of it now" }),
    vanished_at: Timestamp.nullable(),
    holders: z.array(Holder).openapi({ description: "Whose instances have it, or a slice of it" }),
  })
  .openapi("CardOnMap");

const HostOnMap = z
  .object({
    id: z.string().openapi({ description: "The host's id", example: "host-91d3e7b4" }),
    host_name: z.string(),
    status: z.string().openapi({
      description: "offline, online or maintenance (cordoned)",
      example: "online",
    }),
    status_reason: z.string().nullable().openapi({
      description: "Why it is silent, or why nothing new is placed there",
      example: "new cables",
    }),
    ...STATUS_REASON_FIELDS,
    connection: z.enum(HOST_CONNECTIONS),
    cordoned: z.boolean(),
    simulated: z.boolean(),
    labels: z.record(z.string(), z.string()).nullable(),
    group: z
      .string()
      .nullable()
      .openapi({ description: "Empty for a host without it; null without group_by", example: "r7" }),
    last_heartbeat_at: Timestamp.nullable().describe("When it was last heard"),
    gpus: z.array(CardOnMap).openapi({ description: "By where they sit; one that vanished keeps its place" }),
  })
  .openapi("HostOnMap");

const HostGroup = z
  .object({
    name: z.string().openapi({
      description: "What the hosts of it share; empty for those without it",
      example: "r7",
    }),
    hosts: count.openapi({ description: "Hosts of it that match, on whatever page", example: 4 }),
  })
  .openapi("HostGroup");

const FleetMapAnswer = z
  .object({
    at: Timestamp.describe("When it was read"),
    totals: FleetTotals,
    hosts: z.array(HostOnMap).describe("Hosts by their groups, with group_by, and ids"),
    next_cursor: z.string().nullable(),
    previous_cursor: z.string().nullable().openapi({
      description: "Of the page before this one; null where that is the first, or this one is",
      example: "WyJob3N0LTkxZDNlN2I0Il0",
    }),
    hosts_found: count.openapi({ description: "Hosts that match, on whatever page", example: 12 }),
    hosts_before: count.openapi({ description: "How many of them come before this page", example: 0 }),
    gpus_found: count.nullable().openapi({
      description: "Their GPUs that are free with so much memory; null without free_gpu_memory",
      example: 8,
    }),
    groups: z
      .array(HostGroup)
      .openapi({ description: "Those of which this page has hosts; empty without group_by" }),
    label_keys: z.array(z.string()).openapi({
      description: "By which hosts of the fleet can be grouped",
      example: ["rack", "zone"],
    }),
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
    .regex(/^[0-9]{1,15}$/, inputFailure("bytes-not-whole"))
    .transform(Number)
    .optional()
    .openapi({
      description: "Only hosts with a GPU that is free as a whole and has so many bytes",
      type: "integer",
      minimum: 0,
      example: 40_000_000_000,
    }),
  group_by: text(MAX_GROUP_LENGTH)
    .regex(/^(model|label:.+)$/, inputFailure("map-grouping-unknown"))
    .optional()
    .openapi({
      description: "By what they are grouped: model, or label: and a label's key",
      example: "label:rack",
    }),
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
    status_reason_code: host.status_reason_code,
    status_reason_params: host.status_reason_params,
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
  const why = reasonOf(card);
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
    reason: why.reason,
    reason_code: why.reason_code,
    reason_params: why.reason_params,
    simulated: card.simulated,
    free: card.free,
    vanished_at: momentOf(card.vanished_ms),
    holders: card.holders.map(({ kind, id, name }) => ({ kind, id, name })),
  };
}

/** Its host's reason with its code; else an administrator's words, which have none. */
function reasonOf({ fault, cordoned, cordon_reason: stored }: CardOnMapRow): ReasonAnswer {
  if (fault !== null && (!cordoned || stored === null || stored.text === fault.reason))
    return reasonAnswer(whyFaulty(fault));
  if (!cordoned || stored === null) return NO_REASON;
  return stored.code === null ? { ...NO_REASON, reason: stored.text } : reasonAnswer(storedReason(stored));
}

const NO_REASON = reasonAnswer(null);

function momentOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
