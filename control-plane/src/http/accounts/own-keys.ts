/** A customer's own keys: made, looked at and revoked by any of them that may. */
import { createRoute, z } from "@hono/zod-openapi";
import { apiKeysOfCustomer } from "../../store/accounts/api-keys.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import {
  created,
  forCustomers,
  forCustomersWith,
  jsonBody,
  noContent,
  NumericIdPath,
  ok,
} from "../request/route.ts";
import {
  ApiKey,
  apiKeyAnswer,
  ApiKeyShownOnce,
  expiryWithin,
  makeKey,
  newKeyFields,
  rightsWished,
} from "./key-making.ts";
import { revokeKey } from "./key-revocation.ts";

const tags = ["account"];

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/api-keys",
  tags,
  summary: "Make a key of your own; it is shown once",
  description: "It opens no more than the key that asks, and ends with it where no earlier end is named.",
  request: { body: jsonBody(z.strictObject(newKeyFields).openapi("NewOwnApiKey")) },
  responses: created("The key", ApiKeyShownOnce),
});

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/api-keys",
  tags,
  summary: "Your keys, without the keys themselves",
  request: { query: PageQuery },
  responses: ok("A page of keys", pageOf(ApiKey)),
});

const remove = createRoute({
  // A key that only reads can at least end itself.
  ...forCustomersWith("any"),
  method: "delete",
  path: "/api-keys/{id}",
  tags,
  summary: "Revoke a key of yours: it opens nothing from now on",
  description:
    "One that opens no more than the key that asks, which needs the scope orders for it; itself it may always revoke.",
  request: { params: NumericIdPath },
  responses: noContent("It is revoked"),
});

export function registerOwnKeyRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const wish = c.req.valid("json");
    const { customerId } = c.var.actor;
    const expiresAt = expiryWithin(c, wish);
    const rights = rightsWished(c, wish);
    const key = { customerId, name: wish.name, rights, expiresAt };
    return await once(c, async (sql) => c.json(await makeKey(c, sql, key), 201));
  });

  api.openapi(list, async (c) => {
    const page = numericPage(c.req.valid("query"));
    const rows = await apiKeysOfCustomer(db, c.var.actor.customerId, page);
    return c.json(toPage(rows, page.limit, { item: apiKeyAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(remove, async (c) => {
    const { id: apiKeyId } = c.req.valid("param");
    await revokeKey(c, { customerId: c.var.actor.customerId, apiKeyId, what: `live key ${apiKeyId}` });
    return c.body(null, 204);
  });
}
