/** A customer's own keys: made, looked at and revoked by any of them that may. */
import { createRoute, z } from "@hono/zod-openapi";
import { apiKeysOfCustomer } from "../../store/accounts/api-keys.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { NUMBERED, registerResource } from "../request/resource.ts";
import { created, forCustomers, forCustomersWith, jsonBody } from "../request/route.ts";
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

const tags = ["account"];

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/api-keys",
  tags,
  summary: "Make a key of your own; it is displayed once",
  description:
    "It has no more rights than the requesting key, and ends with it where no earlier end is named.",
  request: { body: jsonBody(z.strictObject(newKeyFields).openapi("NewOwnApiKey")) },
  responses: created("The key", CreatedApiKey),
});

export function registerOwnKeyRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const request = c.req.valid("json");
    const { customerId } = c.var.actor;
    const expiresAt = expiryWithin(c, request);
    const rights = requestedRights(c, request);
    const key = { customerId, name: request.name, rights, expiresAt };
    return await once(c, async (sql) => c.json(await makeKey(c, sql, key), 201));
  });

  registerResource(api, {
    path: "/api-keys",
    tags,
    ids: NUMBERED,
    Answer: ApiKey,
    answer: apiKeyAnswer,
    list: {
      summary: "Your keys, without the keys themselves",
      answers: "A page of keys",
      rows: (c, page) => apiKeysOfCustomer(db, c.var.actor.customerId, page),
    },
    remove: {
      // A key that only reads can at least end itself.
      access: forCustomersWith("any"),
      summary: "Revoke a key of yours: it opens nothing from now on",
      description:
        "One with no more rights than the requesting key, which needs the scope orders for it; itself it may always revoke.",
      answers: "It is revoked",
      end: (c, apiKeyId) =>
        revokeKey(c, {
          customerId: c.var.actor.customerId,
          apiKeyId,
          thing: { code: "named-live-key", params: { key_id: apiKeyId } },
        }),
    },
  });
}
