/** Keys of an account. A key is shown in the answer that made it and nowhere else. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/text";
import {
  apiKeysOfCustomer,
  insertApiKey,
  revokeApiKey,
  type ApiKeyRow,
} from "../../store/accounts/api-keys.ts";
import { makeApiKey } from "../request/authentication.ts";
import { requireCustomer } from "./customers.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import {
  created,
  forAdmins,
  noContent,
  NumericId,
  NumericIdPath,
  ok,
  optionalJsonBody,
  Timestamp,
} from "../request/route.ts";

const tags = ["customers"];

const ApiKey = z
  .object({
    id: z.int(),
    customer_id: z.int(),
    name: z.string().nullable(),
    prefix: z.string().openapi({ description: "The key's first characters, to tell keys apart" }),
    created_at: Timestamp,
    last_used_at: Timestamp.nullable(),
    revoked_at: Timestamp.nullable(),
  })
  .openapi("ApiKey");

const post = createRoute({
  ...forAdmins,
  method: "post",
  path: "/customers/{id}/api-keys",
  tags,
  summary: "Make a key; it is shown once",
  request: {
    params: NumericIdPath,
    body: optionalJsonBody(z.strictObject({ name: displayText(128).optional() }).openapi("NewApiKey")),
  },
  responses: created("The key", ApiKey.extend({ key: z.string() }).openapi("ApiKeyShownOnce")),
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
  request: { params: z.object({ id: NumericId, key_id: NumericId }) },
  responses: noContent("It is revoked"),
});

export function registerApiKeyRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const { id } = await requireCustomer(deps, c.req.valid("param").id);
    const name = c.req.valid("json").name ?? "key";
    const { key, prefix, keyHash } = makeApiKey();
    return await once(c, async (sql) => {
      const row = await insertApiKey(sql, { customerId: id, name, prefix, keyHash, now: deps.now() });
      return c.json({ ...apiKeyAnswer(row), key }, 201);
    });
  });

  api.openapi(list, async (c) => {
    const { id } = await requireCustomer(deps, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await apiKeysOfCustomer(db, id, page);
    return c.json(toPage(rows, page.limit, { item: apiKeyAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(remove, async (c) => {
    const { id, key_id: apiKeyId } = c.req.valid("param");
    const revoked = await revokeApiKey(db, { customerId: id, apiKeyId, now: deps.now() });
    if (!revoked) throw notFound(`live key ${apiKeyId} of customer ${id}`);
    return c.body(null, 204);
  });
}

function apiKeyAnswer(row: ApiKeyRow) {
  return {
    ...row,
    created_at: row.created_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
  };
}
