/**
 * What an order of a job would come to, without ordering it: it is checked, written and looked at by the code that does
 * all this in earnest, and taken back. And the form of an order, for programs that help to write one.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { formatPoints } from "@remotegpu/shared/values/money";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { emptyFleet } from "../../store/fleet/empty-fleet.ts";
import type { CachedFleet } from "../../store/fleet/cached-fleet.ts";
import { rolledBack } from "../../store/database/rolled-back.ts";
import { orderJob } from "../../store/orders/job-orders.ts";
import {
  type PassCache,
  knownForPass,
  passInputsWithin,
  type ScheduledOrder,
} from "../../store/placement/inputs/pass-inputs.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { onFleet } from "../environments/environment-access.ts";
import { showsMoney } from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { REASON_FIELDS, reasonAnswer } from "../request/reason-answer.ts";
import { forCustomers, forEveryone, jsonBody, Money, ok } from "../request/route.ts";
import { orderContextOf, refuseUnlessDone } from "../workloads/orders.ts";
import type { RoutedKind } from "../workloads/routed-kind.ts";
import { SuggestionAnswer, suggestionAnswer } from "../workloads/suggestion-answer.ts";
import { placeIn, WhyHost } from "../workloads/routes/workload-why.ts";
import { NewTrainingJobBody } from "./job-body.ts";
import { holdCode } from "./job-code.ts";
import { requestedJob } from "./job-order.ts";

const tags = ["training jobs"];

const DryRun = z
  .object({
    price_per_hour: Money.nullable().openapi({
      description: "Of all that would run at once, at most; null for a key without the scope money",
    }),
    position: z.int().nullable().openapi({
      description: "Where in the line it would stand now, from 1",
      example: 1,
    }),
    reason: z.string().openapi({
      description: "What it would wait for, or where it fits",
      example: "An instance of it fits on 2 hosts now.",
    }),
    ...REASON_FIELDS,
    hosts: z.array(WhyHost).describe("What keeps it from each host"),
    suggestions: z.array(SuggestionAnswer).describe("Each alone would start it now"),
  })
  .openapi("TrainingJobDryRun");

const dryRun = createRoute({
  ...forCustomers,
  method: "post",
  path: "/training-jobs/dry-run",
  operationId: "tryTrainingJob",
  "x-problems": [402],
  tags,
  summary: "What an order would cost and which place it would get; nothing is ordered",
  request: { body: jsonBody(NewTrainingJobBody) },
  responses: ok(
    "What it would come to; of an array, of its first element, and the price of those that run at once",
    DryRun,
  ),
});

const schema = createRoute({
  ...forEveryone,
  method: "get",
  path: "/schemas/training-job",
  operationId: "getTrainingJobSchema",
  tags,
  summary: "The order of a training job as a JSON Schema, for editors and checkers",
  responses: {
    200: {
      description: "The schema",
      content: { "application/json": { schema: z.looseObject({}) } },
    },
  },
});

export function registerTrainingJobDryRun(
  api: ApiApp,
  deps: ApiDeps,
  { fleet, kinds, cache }: { fleet: CachedFleet; kinds: readonly RoutedKind[]; cache: PassCache },
): void {
  api.openapi(dryRun, async (c) => {
    const requested = await requestedJob(c, c.req.valid("json"));
    const at = deps.now();
    const [recent, known] = await Promise.all([fleet.recent(), knownForPass(cache, at)]);
    return await once(c, async (sql) => {
      const checks = { recent: () => Promise.resolve(recent), anew: () => emptyFleet(sql) };
      const context = orderContextOf(c);
      const { hourly, scene } = await rolledBack(sql, async () => {
        await holdCode(c, sql, requested.order.code);
        const outcome = await onFleet(checks, (fleet) => orderJob(sql, { ...requested, fleet, context }));
        const { hourly } = refuseUnlessDone(outcome);
        return { hourly, scene: await passInputsWithin(sql, { now: at, seed: 0, known, work: "all" }) };
      });
      const place = placeIn(scene, { kind: "training", id: requested.rows[0].id, endsByItself: true, at });
      const hosts = place?.hosts ?? [];
      // What starts as it is needs no change.
      const starts = requested.order.nodeCount === 1 && hosts.some(({ fits }) => fits);
      const found = starts ? [] : (place?.found ?? []);
      const answer = {
        price_per_hour: showsMoney(c) ? formatPoints(hourly) : null,
        position: place?.position ?? null,
        ...reasonAnswer(reasonFor(place?.order ?? null, hosts)),
        hosts,
        suggestions: await Promise.all(found.map((one) => suggestionAnswer(c, one, kinds))),
      };
      return c.json(answer, 200);
    });
  });

  const described = z.toJSONSchema(NewTrainingJobBody, { io: "input", unrepresentable: "any" });
  const plain = z.looseObject({}).parse(JSON.parse(JSON.stringify(described)));
  api.openapi(schema, (c) => c.json(plain, 200));
}

function reasonFor(order: ScheduledOrder | null, hosts: readonly { fits: boolean }[]): Reason {
  if (order?.heldBack != null) return order.heldBack;
  const count = hosts.filter(({ fits }) => fits).length;
  return count === 0
    ? reasonOf("instance-fits-nowhere")
    : { code: "instance-fits-on-hosts", params: { host_count: count } };
}
