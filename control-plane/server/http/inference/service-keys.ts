/** Keys of one inference service, for programs that ask it at the gateway: made, listed and revoked by who may manage it. */
import { createRoute, z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { displayText } from "@remotegpu/shared/values/text";
import { OF_PERSON } from "../../core/gateway/services/call-right.ts";
import {
  insertServiceKey,
  MAX_LIVE_SERVICE_KEYS,
  revokeServiceKey,
  type ServiceKeyRow,
  serviceKeys,
} from "../../store/inference/service-keys.ts";
import { lockServiceOrders } from "../../store/inference/service-orders.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { expiryWithin } from "../accounts/key-making.ts";
import { makeServiceKey } from "../request/authentication.ts";
import { refuseAdministrator } from "../request/authorization.ts";
import { once } from "../request/idempotency.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import {
  created,
  forCustomers,
  iso,
  jsonBody,
  NumericId,
  Timestamp,
  WorkloadIdPath,
} from "../request/route.ts";
import { type NamedEntry, registerEntryResource } from "../workloads/entry-resource.ts";
import { orderContextOf } from "../workloads/orders.ts";
import { workloadFor } from "../workloads/routed-kind.ts";
import { INFERENCE_SERVICES } from "./inference-kind.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { workloadThing } from "../workloads/workload-thing.ts";

const MAX_NAME = 128;
const MAX_PER_MINUTE = 1_000_000;
const MAX_AT_ONCE = 10_000;
const MAX_TOKENS_PER_DAY = 1_000_000_000_000;
const tags = ["inference services"];

const ServiceKey = z
  .object({
    id: z.int().openapi({ description: "Its id", example: 7 }),
    service_id: z.string().openapi({ description: "The service that it opens", example: "svc-5b1f6c0e" }),
    name: z.string().openapi({ description: "The client's name as replicas see it", example: "app" }),
    prefix: z.string().openapi({
      description: "The key's first characters, to distinguish keys",
      example: "rgs_Xk3",
    }),
    customer_id: z.int(),
    made_at: Timestamp.describe("When it was made"),
    expires_at: Timestamp.nullable().describe("From then on it opens nothing; null: never"),
    revoked_at: Timestamp.nullable().describe("Since when it opens nothing; null: it was not revoked"),
    revoked_by: z.string().nullable().openapi({ description: "Who revoked it", example: "customer 42" }),
    requests_per_minute: z.int().nullable(),
    max_in_flight: z.int().nullable().openapi({
      description: "Requests at once, all gateways together; null: as many as come",
      example: 16,
    }),
    tokens_per_day: z.int().nullable(),
  })
  .openapi("ServiceKey");
const CreatedServiceKey = ServiceKey.extend({
  key: z.string().openapi({
    description: "The key itself; it is never displayed again",
    example: "rgs_Xk3b0Q2nVYr8",
  }),
}).openapi("ServiceKeyShownOnce");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/inference-services/{id}/keys",
  operationId: "createInferenceServiceKey",
  tags,
  summary: "Make a key for this service at the gateway and nothing else; it is displayed once",
  description:
    "As `Authorization: Bearer <key>` or `X-API-Key`. Replicas see its name and never the key. Over one of its limits, requests are answered 429 with Retry-After; gateways divide the limits among those that run.",
  request: {
    params: WorkloadIdPath,
    body: jsonBody(
      z
        .strictObject({
          name: displayText(MAX_NAME)
            .refine(
              (name) => !name.startsWith(OF_PERSON),
              inputFailure({ code: "key-name-reserved", params: { prefix: OF_PERSON } }),
            )
            .openapi({
              description: "The client's name as replicas see it; unique among the service's live keys",
              example: "app",
            }),
          expires_at: z.iso.datetime({ offset: true }).nullable().optional().openapi({
            description: "From then on it is void; left out, when the requesting key is",
          }),
          requests_per_minute: z.int().min(1).max(MAX_PER_MINUTE).nullable().optional(),
          max_in_flight: z.int().min(1).max(MAX_AT_ONCE).nullable().optional().openapi({
            description: "Requests at once, all gateways together; without a bound, if left out",
            example: 16,
          }),
          tokens_per_day: z.int().min(1).max(MAX_TOKENS_PER_DAY).nullable().optional(),
        })
        .openapi("NewServiceKey"),
    ),
  },
  responses: created("The key", CreatedServiceKey),
});

function serviceThing(id: string): Reason {
  return workloadThing(INFERENCE_SERVICES.what, id);
}

export function registerServiceKeyRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;
  api.openapi(post, async (c) => {
    const service = await workloadFor(c, INFERENCE_SERVICES, c.req.valid("param").id, "manage-workload");
    await refuseAdministrator(c, service);
    const request = c.req.valid("json");
    const expiresAt = expiryWithin(c, request);
    if (expiresAt !== null && expiresAt.getTime() <= deps.now().getTime())
      throw badField("expires_at", "expiry-past");
    return await once(c, async (sql) => {
      const { id: serviceId } = service;
      if (!(await lockServiceOrders(sql, [serviceId])).has(serviceId))
        throw notFound(serviceThing(serviceId));
      const { key, prefix, keyHash } = makeServiceKey();
      const { customerId } = c.var.actor;
      const { now } = orderContextOf(c);
      const row = await insertServiceKey(sql, {
        serviceId,
        name: request.name,
        prefix,
        keyHash,
        customerId,
        expiresAt,
        limits: {
          requestsPerMinute: request.requests_per_minute ?? null,
          maxInFlight: request.max_in_flight ?? null,
          tokensPerDay: request.tokens_per_day ?? null,
        },
        now,
      });
      if (row === "name-taken") throw conflict({ code: "service-key-named", params: { name: request.name } });
      if (row === "too-many")
        throw conflict({ code: "service-keys-too-many", params: { max_keys: MAX_LIVE_SERVICE_KEYS } });
      return c.json({ ...keyAnswer(row), key }, 201);
    });
  });

  registerEntryResource(api, {
    kind: INFERENCE_SERVICES,
    path: "keys",
    one: {
      path: "{key_id}",
      params: WorkloadIdPath.extend({ key_id: NumericId }).transform(({ id, key_id }) => ({
        workloadId: id,
        id: key_id,
      })),
    },
    tags,
    Answer: ServiceKey,
    answer: keyAnswer,
    list: {
      operationId: "listInferenceServiceKeys",
      summary: "Keys of it that open it or did, newest first, without the keys themselves",
      answers: "A page of keys",
      rows: (_c, serviceId, page) => serviceKeys(db, serviceId, page),
    },
    remove: {
      operationId: "revokeInferenceServiceKey",
      summary: "Revoke a key: it opens nothing any more, and what is open by it ends within seconds",
      end: revokeLiveKey,
    },
  });
}

async function revokeLiveKey(c: ApiContext, { workloadId: serviceId, id }: NamedEntry): Promise<void> {
  const { actor, now } = orderContextOf(c);
  if (!(await revokeServiceKey(c.var.deps.db, { serviceId, id, actor, now })))
    throw notFound({ code: "named-service-key", params: { key_id: id, service: serviceThing(serviceId) } });
}

function keyAnswer(row: ServiceKeyRow): z.input<typeof ServiceKey> {
  return {
    ...row,
    made_at: row.made_at.toISOString(),
    expires_at: iso(row.expires_at),
    revoked_at: iso(row.revoked_at),
  };
}
