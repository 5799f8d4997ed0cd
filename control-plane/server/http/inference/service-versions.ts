/** Versions of an inference service: another one, the one before, and which there were. */
import { createRoute, z } from "@hono/zod-openapi";
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import { emptyFleet } from "../../store/fleet/empty-fleet.ts";
import type { EmptyFleet } from "../../store/fleet/empty-fleet.ts";
import type { CachedFleet } from "../../store/fleet/cached-fleet.ts";
import type { Transaction } from "../../store/database/database.ts";
import { inferenceServiceById } from "../../store/inference/inference-services.ts";
import { type RevisionRow, serviceRevisions } from "../../store/inference/revisions.ts";
import { type RolloutRow, serviceRollouts } from "../../store/inference/rollouts.ts";
import { lockServiceOrders, type ServiceOrderRow } from "../../store/inference/service-orders.ts";
import type { OrderOutcome } from "../../store/orders/environment-orders.ts";
import { rollbackService, upgradeService } from "../../store/orders/service-upgrades.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { onFleet } from "../environments/environment-access.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { CAUSE_FIELDS, namedReason } from "../request/reason-answer.ts";
import { notFound } from "../request/refusal.ts";
import {
  accepted,
  forCustomers,
  iso,
  jsonBody,
  ok,
  optionalJsonBody,
  Timestamp,
  WorkloadIdPath,
} from "../request/route.ts";
import { orderContextOf, refuseUnlessDone, notifyOf } from "../workloads/orders.ts";
import { VisibleEnvVars, visibleEnvVars, showsValues } from "../workloads/visible-env-vars.ts";
import { workloadFor } from "../workloads/routed-kind.ts";
import { INFERENCE_SERVICES } from "./inference-kind.ts";
import { InferenceService } from "./inference-service-answer.ts";
import { refuseIssues } from "./service-body.ts";
import { changeOf, RollbackBody, templateIssues, UpgradeBody } from "./upgrade-body.ts";
import { workloadThing } from "../workloads/workload-thing.ts";

const tags = ["inference services"];
const what = "inference service";

const upgrade = createRoute({
  ...forCustomers,
  method: "post",
  path: "/inference-services/{id}/upgrade",
  operationId: "upgradeInferenceService",
  "x-problems": [402],
  tags,
  summary: "Have another version serve: its image, command, variables, model and sizes, or some of them",
  description:
    "What is left out stays as it is. One replica more than wanted is of the new version; each that serves takes the place of one of the old, and requests go on meanwhile. Where there is no room for one more, it waits with the reason, unless allow_gap lets one of the old make room. It goes back by itself, with the cause, where the new version does not get ready, no registry has its image, or its answers of status 500 and above are 5 points more than the old one's, over at least 50. Another upgrade meanwhile takes its place. A stopped service has the new version with its next start; one in error starts with it.",
  request: { params: WorkloadIdPath, body: jsonBody(UpgradeBody) },
  responses: accepted("The inference service, pending", InferenceService),
});

const rollback = createRoute({
  ...forCustomers,
  method: "post",
  path: "/inference-services/{id}/rollback",
  operationId: "rollBackInferenceService",
  "x-problems": [402],
  tags,
  summary: "Go back to previous_version, image and all; a pending upgrade is rolled back",
  description:
    "It goes as an upgrade does, and refuses only where there is no version before. Rolling back twice is where it began.",
  request: { params: WorkloadIdPath, body: optionalJsonBody(RollbackBody) },
  responses: accepted("The inference service, pending", InferenceService),
});

const Revision = z
  .object({
    number: z.int().openapi({ description: "Which revision, from 1", example: 1 }),
    version: z.string().nullable(),
    image: z.string(),
    command: z.string().nullable().openapi({
      description: "What runs in place of the image's own; null: the image's own",
      example: "python3 serve.py",
    }),
    env_vars: VisibleEnvVars,
    cpu: z.int(),
    memory: z.int(),
    gpu: z.int(),
    gpu_memory: z.int().nullable(),
    model_id: z.int().nullable(),
    model_version: z.string().nullable(),
    config: z.record(z.string(), z.unknown()).nullable(),
    created_at: Timestamp,
    actor: z.string(),
  })
  .openapi("ServiceRevision");

const revisions = createRoute({
  ...forCustomers,
  method: "get",
  path: "/inference-services/{id}/revisions",
  operationId: "listServiceRevisions",
  tags,
  summary: "What its replicas were made of, the newest first",
  request: { params: WorkloadIdPath, query: PageQuery },
  responses: ok("A page of revisions", pageOf(Revision)),
});

const ServiceRollout = z
  .object({
    number: z.int().openapi({ description: "Which rollout, from 1", example: 1 }),
    from_revision: z.int().openapi({ description: "The revision that served", example: 1 }),
    from_version: z.string().nullable().openapi({ description: "Its version", example: "v1" }),
    target: z.int().openapi({ description: "The revision that was to serve", example: 2 }),
    version: z.string().nullable().openapi({ description: "Its version", example: "v2" }),
    allow_gap: z.boolean(),
    cause: z.string().nullable().openapi({
      description: "Why it went back; null: it did not",
      example: "Replica 3 failed: no registry has its image.",
    }),
    ...CAUSE_FIELDS,
    began_at: Timestamp.describe("When it was ordered"),
    actor: z.string().openapi({ description: "Who ordered it", example: "customer 12" }),
    ended_at: Timestamp.nullable().describe("When it was over; null: it goes on"),
    outcome: z.enum(["completed", "reverted", "superseded"]).nullable().openapi({
      description: "superseded: another one took its place; null: it goes on",
    }),
  })
  .openapi("ServiceRollout");

const rollouts = createRoute({
  ...forCustomers,
  method: "get",
  path: "/inference-services/{id}/rollouts",
  operationId: "listServiceRollouts",
  tags,
  summary: "Its upgrades and rollbacks and what became of each, the newest first",
  request: { params: WorkloadIdPath, query: PageQuery },
  responses: ok("A page of rollouts", pageOf(ServiceRollout)),
});

type Ordered = (sql: Transaction, service: ServiceOrderRow, fleet: EmptyFleet) => Promise<OrderOutcome>;

export function registerServiceVersionRoutes(api: ApiApp, deps: ApiDeps, fleet: CachedFleet): void {
  const { db, newId } = deps;
  const readable = (c: ApiContext, id: string) =>
    workloadFor(c, { byId: inferenceServiceById, what }, id, "read-workload");

  /** In one transaction that holds the service. */
  async function ordered(c: ApiContext, requested: string, order: Ordered) {
    const { id } = await workloadFor(c, { byId: inferenceServiceById, what }, requested, "manage-workload");
    const recent = await fleet.recent();
    return await once(c, async (sql, afterwards) => {
      const service = (await lockServiceOrders(sql, [id])).get(id);
      if (service === undefined) throw notFound(workloadThing(what, id));
      // Within the transaction everything is asked through it: whoever holds a connection must not wait for another.
      const checks = { recent: () => Promise.resolve(recent), anew: () => emptyFleet(sql) };
      refuseUnlessDone(await onFleet(checks, (known) => order(sql, service, known)));
      afterwards(() => notifyOf(c, []));
      return c.json(await INFERENCE_SERVICES.answerOf(c, sql, id), 202);
    });
  }

  api.openapi(upgrade, async (c) => {
    const { allow_gap: allowsGap = false, ...body } = c.req.valid("json");
    const deed = { allowsGap, context: orderContextOf(c), newId };
    return await ordered(c, c.req.valid("param").id, (sql, service, known) =>
      upgradeService(sql, service, {
        ...deed,
        fleet: known,
        change: changeOf(body),
        seal: deps.envVars,
        refuseFaults: (template) => refuseIssues(templateIssues(template)),
      }),
    );
  });

  api.openapi(rollback, async (c) => {
    const { allow_gap: allowsGap = false } = c.req.valid("json");
    const deed = { allowsGap, context: orderContextOf(c), newId };
    return await ordered(c, c.req.valid("param").id, (sql, service, known) =>
      rollbackService(sql, service, { ...deed, fleet: known }),
    );
  });

  api.openapi(revisions, async (c) => {
    const service = await readable(c, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await serviceRevisions(db, service.id, { before: page.after, limit: page.limit + 1 });
    // Any of them may have variables that the one that serves has not.
    const vars = Object.assign({}, ...rows.map(({ env_vars: one }) => one)) as StoredEnvVars;
    const isVisible = await showsValues(c, { ...service, env_vars: vars }, { what, sql: db });
    const item = (row: RevisionRow) => revisionAnswer(c, row, { service, isVisible });
    return c.json(toPage(rows, page.limit, { item, key: ({ number }) => [number] }), 200);
  });

  api.openapi(rollouts, async (c) => {
    const { id } = await readable(c, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await serviceRollouts(db, id, { before: page.after, limit: page.limit + 1 });
    return c.json(toPage(rows, page.limit, { item: rolloutAnswer, key: ({ number }) => [number] }), 200);
  });
}

function revisionAnswer(
  c: ApiContext,
  row: RevisionRow,
  { service, isVisible }: { service: { customer_id: number }; isVisible: boolean },
): z.input<typeof Revision> {
  return {
    ...row,
    env_vars: visibleEnvVars(c, { ...service, env_vars: row.env_vars }, isVisible),
    config: row.config && { ...row.config },
    created_at: row.created_at.toISOString(),
  };
}

function rolloutAnswer({ allows_gap, cause, ...row }: RolloutRow): z.input<typeof ServiceRollout> {
  return {
    ...row,
    ...namedReason("cause", cause),
    allow_gap: allows_gap,
    began_at: row.began_at.toISOString(),
    ended_at: iso(row.ended_at),
  };
}
