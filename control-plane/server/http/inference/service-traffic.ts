/** What an inference service answered: sums and minutes with what it cost; the same for Prometheus is service-metrics.ts. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/values/text";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { BUCKET_BOUNDS_MS } from "../../core/inference/traffic/traffic-counts.ts";
import { trafficFigures } from "../../core/inference/traffic/traffic-figures.ts";
import type { Connection } from "../../store/database/database.ts";
import { gatewayReports } from "../../store/gateway/reports.ts";
import { oldestMinute } from "../../store/inference/gateway/traffic.ts";
import {
  type Stretch,
  trafficCost,
  trafficMinutes,
  trafficSums,
} from "../../store/inference/gateway/traffic-sums.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { badField } from "../request/refusal.ts";
import { forCustomers, iso, Money, ok, Timestamp, WorkloadIdPath } from "../request/route.ts";
import { workloadFor } from "../workloads/routed-kind.ts";
import { INFERENCE_SERVICES } from "./inference-kind.ts";

const MAX_KEY_NAME = 128;
const tags = ["inference services"];

const Spread = z
  .object({
    count: z.int(),
    mean_ms: z.number().nullable(),
    p50_ms: z.number().nullable(),
    p95_ms: z.number().nullable(),
    p99_ms: z.number().nullable(),
    buckets: z.array(z.int()),
  })
  .openapi("TrafficSpread");

const figures = {
  requests: z.int(),
  unanswered: z.int(),
  status_1xx: z.int(),
  status_2xx: z.int(),
  status_3xx: z.int(),
  status_4xx: z.int(),
  status_5xx: z.int(),
  cut_off: z.int(),
  bytes_sent: z.int(),
  took: Spread,
  first_byte: Spread,
  waited: Spread,
  token_answers: z.int(),
  token_silent: z.int(),
  prompt_tokens: z.int().nullable(),
  completion_tokens: z.int().nullable(),
  tokens_per_second: z.number().nullable(),
};

const Cost = z
  .object({
    amount: Money,
    from: Timestamp,
    until: Timestamp.nullable(),
    per_thousand_requests: Money.nullable(),
    per_million_tokens: Money.nullable(),
  })
  .openapi("TrafficCost");

const Traffic = pageOf(z.object({ minute: Timestamp, ...figures }).openapi("TrafficMinute"))
  .extend({
    start_time: Timestamp,
    end_time: Timestamp,
    in_flight: z.int(),
    held: z.int(),
    bucket_bounds_ms: z.array(z.int()),
    own_answers: z.int(),
    total: z.object(figures).openapi("TrafficTotal"),
    keys: z.array(z.object({ key_name: z.string(), ...figures }).openapi("TrafficOfKey")),
    revisions: z.array(z.object({ revision: z.int(), ...figures }).openapi("TrafficOfRevision")),
    cost: Cost,
  })
  .openapi("ServiceTraffic");

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/inference-services/{id}/traffic",
  operationId: "getServiceTraffic",
  tags,
  summary:
    "What it answered: sums of a stretch of time, by key and revision, its cost, and its minutes, newest first",
  description:
    "Without start_time of the last hour; minutes are kept for 30 days. Gateways write down what they counted every five seconds, and at an orderly end; of one that is killed, at most its last five seconds are missing. A request counts in the minute in which its answer is over. Tokens are those that answers report in `usage`; what does not report them is counted in token_silent and never estimated. Cost is divided by what replicas answered, not by what gateways did in their place; with key, `cost.amount` is that key's share by its requests, while a thousand requests and a million tokens cost what they cost the whole service.",
  request: {
    params: WorkloadIdPath,
    query: PageQuery.extend({
      start_time: z.iso.datetime({ offset: true }).optional().openapi({ description: "From this minute on" }),
      end_time: z.iso.datetime({ offset: true }).optional().openapi({ description: "Before this moment" }),
      key: displayText(MAX_KEY_NAME)
        .optional()
        .openapi({ description: "Only of the key with this name", example: "app" }),
    }),
  },
  responses: ok("Sums, and a page of minutes", Traffic),
});

export function registerServiceTrafficRoute(api: ApiApp, { db, now }: ApiDeps): void {
  api.openapi(get, async (c) => {
    const { id } = await workloadFor(c, INFERENCE_SERVICES, c.req.valid("param").id, "read-workload");
    const query = c.req.valid("query");
    const { from, to } = stretchOf(query, now());
    const page = numericPage(query);
    const keyName = query.key ?? null;
    const before = page.after === null ? to : new Date(Math.min(page.after, to.getTime()));
    const [sums, minutes, cost, open] = await Promise.all([
      trafficSums(db, id, { from, to, keyName }),
      trafficMinutes(db, id, { from, to: before, keyName, limit: page.limit + 1 }),
      trafficCost(db, id, { from, to, keyName }),
      openNow(db, id, now()),
    ]);
    return c.json(
      {
        start_time: from.toISOString(),
        end_time: to.toISOString(),
        in_flight: open.inFlight,
        held: open.held,
        bucket_bounds_ms: [...BUCKET_BOUNDS_MS],
        own_answers: sums.own,
        total: trafficFigures(sums.total),
        keys: sums.keys.map(({ key_name, ...counts }) => ({ key_name, ...trafficFigures(counts) })),
        revisions: sums.revisions.map(({ revision, ...counts }) => ({ revision, ...trafficFigures(counts) })),
        cost: { ...cost, from: cost.from.toISOString(), until: iso(cost.until) },
        ...toPage(minutes, page.limit, {
          item: ({ minute, ...counts }) => ({ minute: minute.toISOString(), ...trafficFigures(counts) }),
          key: ({ minute }) => [minute.getTime()],
        }),
      },
      200,
    );
  });
}

/** As the gateways told it last. */
export async function openNow(
  db: Connection,
  id: string,
  now: Date,
): Promise<{ inFlight: number; held: number }> {
  const reported = (await gatewayReports(db, [id], now)).flatMap((one) => one.reported?.services[id] ?? []);
  const sum = (of: "inFlight" | "held") => reported.reduce((so, one) => so + one[of], 0);
  return { inFlight: sum("inFlight"), held: sum("held") };
}

function stretchOf(
  { start_time: start, end_time: end }: { start_time?: string | undefined; end_time?: string | undefined },
  now: Date,
): Stretch {
  const to = end === undefined ? now : new Date(end);
  const from = start === undefined ? new Date(to.getTime() - MS_PER_HOUR) : new Date(start);
  if (!(from < to)) throw badField("start_time", "period-empty");
  const oldest = oldestMinute(now);
  return { from: from < oldest ? oldest : from, to };
}
