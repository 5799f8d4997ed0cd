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
    count: z.int().openapi({ description: "How many there are", example: 1190 }),
    mean_ms: z.number().nullable().openapi({
      description: "Milliseconds in the mean; null where there is none",
      example: 84.2,
    }),
    p50_ms: z.number().nullable().openapi({
      description: "Half of them were at most this long, by the buckets",
      example: 60,
    }),
    p95_ms: z.number().nullable().openapi({
      description: "95 of 100 were at most this long, by the buckets",
      example: 210,
    }),
    p99_ms: z.number().nullable().openapi({
      description: "99 of 100 were at most this long, by the buckets",
      example: 440,
    }),
    buckets: z.array(z.int()).openapi({
      description: "How many lie in each bucket, each counted once",
      example: [10, 300, 880],
    }),
  })
  .openapi("TrafficSpread");

const figures = {
  requests: z.int().openapi({ description: "Requests that are over", example: 1204 }),
  unanswered: z.int().openapi({ description: "The client was gone before there was an answer", example: 1 }),
  status_1xx: z.int().openapi({ description: "WebSockets that a replica took", example: 0 }),
  status_2xx: z.int().openapi({ description: "Answers of the status 200 to 299", example: 1190 }),
  status_3xx: z.int().openapi({ description: "Answers of the status 300 to 399", example: 0 }),
  status_4xx: z.int().openapi({ description: "Answers of the status 400 to 499", example: 12 }),
  status_5xx: z.int().openapi({ description: "Answers of the status 500 and above", example: 1 }),
  cut_off: z.int().openapi({
    description: "Answers that had begun and did not come to their end, whoever broke off",
    example: 2,
  }),
  bytes_sent: z.int().openapi({ description: "Bytes of answers, heads and all", example: 5820311 }),
  took: Spread,
  first_byte: Spread,
  waited: Spread,
  token_answers: z.int().openapi({
    description: "Answers that reported in `usage` what they used",
    example: 1100,
  }),
  token_silent: z.int().openapi({
    description:
      "Answers that might have reported it and did not: compressed, or streamed without include_usage",
    example: 90,
  }),
  prompt_tokens: z.int().nullable().openapi({
    description: "Of the answers that reported them; null: none did",
    example: 220310,
  }),
  completion_tokens: z.int().nullable().openapi({
    description: "Of the answers that reported them; null: none did",
    example: 90112,
  }),
  tokens_per_second: z.number().nullable().openapi({
    description: "Completion tokens by the time that their answers took",
    example: 41.7,
  }),
};

const Cost = z
  .object({
    amount: Money.openapi({
      description:
        "Charges of time that began in it, less what was given back in it; with key: of that, its share by its requests",
    }),
    from: Timestamp.describe("The full hour at or before start_time, since time is charged by the hour"),
    until: Timestamp.nullable().describe("Until when something was charged; null: nothing was yet"),
    per_thousand_requests: Money.nullable().openapi({
      description: "Of the requests of all keys that replicas had until then; null: there are none",
    }),
    per_million_tokens: Money.nullable().openapi({
      description: "Of prompt and completion tokens of all keys until then; null: none were reported",
    }),
  })
  .openapi("TrafficCost");

const Traffic = pageOf(
  z
    .object({ minute: Timestamp.describe("In which these answers were over"), ...figures })
    .openapi("TrafficMinute"),
)
  .extend({
    start_time: Timestamp.describe("From the minute of this moment on"),
    end_time: Timestamp.describe("Before this moment"),
    in_flight: z.int().openapi({
      description: "Requests that replicas have now, as gateways reported within the last seconds",
      example: 3,
    }),
    held: z.int().openapi({ description: "Requests that wait for a replica now", example: 0 }),
    bucket_bounds_ms: z.array(z.int()).openapi({
      description: "Upper bounds of the buckets, in milliseconds; beyond the last is one more",
      example: [1, 2, 5],
    }),
    own_answers: z.int().openapi({
      description: "Of the requests: those that gateways answered in place of a replica",
      example: 4,
    }),
    total: z.object(figures).openapi("TrafficTotal"),
    keys: z
      .array(
        z
          .object({
            key_name: z.string().openapi({
              description:
                "The name of the key, of a person's with user: in front; empty: none was presented, or none that is valid",
              example: "app",
            }),
            ...figures,
          })
          .openapi("TrafficOfKey"),
      )
      .openapi({
        description: "By the names of the keys",
      }),
    revisions: z
      .array(
        z
          .object({ revision: z.int().openapi({ description: "Which revision", example: 1 }), ...figures })
          .openapi("TrafficOfRevision"),
      )
      .openapi({
        description: "By the revisions of the replicas that had them",
      }),
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
      start_time: z.iso.datetime({ offset: true }).optional().openapi({
        description: "From this minute on",
        example: "2026-03-01T00:00:00Z",
      }),
      end_time: z.iso.datetime({ offset: true }).optional().openapi({
        description: "Before this moment",
        example: "2026-04-01T00:00:00Z",
      }),
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
