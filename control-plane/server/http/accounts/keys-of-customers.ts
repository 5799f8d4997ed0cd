/** Keys of any account, for administrators: the first one of a customer, and those that read the metrics. */
import { createRoute, z } from "@hono/zod-openapi";
import { apiKeysOfCustomer } from "../../store/accounts/api-keys.ts";
import { requireCustomer } from "./customers.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { badField } from "../request/refusal.ts";
import {
  created,
  forAdmins,
  noContent,
  NumericId,
  NumericIdPath,
  ok,
  optionalJsonBody,
} from "../request/route.ts";
import {
  ApiKey,
  apiKeyAnswer,
  CreatedApiKey,
  expiryWithin,
  makeKey,
  newKeyFields,
  requestedRights,
} from "./key-making.ts";
import { revokeKey } from "./key-revocation.ts";

const tags = ["customers"];

const NewApiKey = z
  .strictObject({
    ...newKeyFields,
    role: z.enum(["account", "metrics"]).optional().openapi({
      description: "A key of role metrics reads /metrics and nothing else, and has no scopes",
      example: "account",
    }),
  })
  .openapi("NewApiKey");

const post = createRoute({
  ...forAdmins,
  method: "post",
  path: "/customers/{id}/api-keys",
  tags,
  summary: "Make a key; it is displayed once",
  description:
    "It has no more rights than the requesting key, and ends with it where no earlier end is named.",
  request: {
    params: NumericIdPath,
    body: optionalJsonBody(NewApiKey),
  },
  responses: created("The key", CreatedApiKey),
});

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/customers/{id}/api-keys",
  tags,
  summary: "The account's keys, without the keys themselves",
  request: { params: NumericIdPath, query: PageQuery },
  responses: ok("A page of keys", pageOf(ApiKey)),
});

const remove = createRoute({
  ...forAdmins,
  method: "delete",
  path: "/customers/{id}/api-keys/{key_id}",
  tags,
  summary: "Revoke a key: it opens nothing from now on",
  description: "One with no more rights than the requesting key; itself it may always revoke.",
  request: { params: z.object({ id: NumericId, key_id: NumericId }) },
  responses: noContent("It is revoked"),
});

export function registerApiKeyRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const customer = await requireCustomer(c.var.deps, c.req.valid("param").id);
    const request = c.req.valid("json");
    const isForMetrics = request.role === "metrics";
    if (isForMetrics && request.scopes !== undefined) throw badField("scopes", "metrics-key-scopes");
    const key = {
      customerId: customer.id,
      name: request.name,
      rights: isForMetrics ? { role: "metrics" as const } : requestedRights(c, request),
      expiresAt: expiryWithin(c, request),
    };
    return await once(c, async (sql) => c.json(await makeKey(c, sql, key), 201));
  });

  api.openapi(list, async (c) => {
    const { id } = await requireCustomer(deps, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await apiKeysOfCustomer(db, id, page);
    return c.json(toPage(rows, page.limit, { item: apiKeyAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(remove, async (c) => {
    const { id, key_id: apiKeyId } = c.req.valid("param");
    const params = { key_id: apiKeyId, customer_id: id };
    await revokeKey(c, { customerId: id, apiKeyId, thing: { code: "named-live-key-of-customer", params } });
    return c.body(null, 204);
  });
}
