/**
 * A key as it is wished for, made and shown. It is made of no more than the key that makes it, for whichever account, and
 * shown in the answer that made it and nowhere else.
 */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { displayText } from "@remotegpu/shared/values/text";
import { KEY_SCOPES, type KeyRights, outlives, scopesBeyond } from "../../core/accounts/key-scopes.ts";
import { type ApiKeyRow, hasRoomForKey, insertApiKey, MAX_LIVE_KEYS } from "../../store/accounts/api-keys.ts";
import type { Transaction } from "../../store/database/database.ts";
import type { ApiContext } from "../deps.ts";
import { makeApiKey } from "../request/authentication.ts";
import { badField, conflict, forbidden } from "../request/refusal.ts";
import { iso, Timestamp } from "../request/route.ts";

const Scopes = z
  .array(z.enum(KEY_SCOPES))
  .min(1)
  .max(KEY_SCOPES.length)
  .refine((scopes) => new Set(scopes).size === scopes.length, inputFailure("scopes-doubled"));

export const newKeyFields = {
  name: displayText(128).optional(),
  scopes: Scopes.optional().openapi({
    description:
      "`read` reads everything but money, `orders` orders, changes and deletes, `money` is for balance, bills, budgets and webhooks. Without it: those of the requesting key",
  }),
  expires_at: z.iso
    .datetime({ offset: true })
    .nullable()
    .optional()
    .openapi({ description: "From then on it opens nothing" }),
};

export interface KeyRequest {
  name?: string | undefined;
  scopes?: z.infer<typeof Scopes> | undefined;
  expires_at?: string | null | undefined;
}

export const ApiKey = z
  .object({
    id: z.int(),
    customer_id: z.int(),
    name: z.string().nullable(),
    prefix: z.string().openapi({
      description: "The key's first characters, to distinguish keys",
      example: "rgk_Xk3",
    }),
    role: z.enum(["account", "metrics"]).openapi({
      description: "One of metrics reads /metrics alone",
      example: "account",
    }),
    scopes: z.array(z.enum(KEY_SCOPES)).describe("What it opens; none for a key of metrics"),
    created_at: Timestamp,
    expires_at: Timestamp.nullable(),
    last_used_at: Timestamp.nullable().openapi({ description: "To the minute" }),
    revoked_at: Timestamp.nullable(),
  })
  .openapi("ApiKey");
export type ApiKey = z.infer<typeof ApiKey>;

export const CreatedApiKey = ApiKey.extend({
  key: z.string().openapi({
    description: "The key itself; it is never displayed again",
    example: "rgk_Xk3b0Q2nVYr8",
  }),
}).openapi("ApiKeyShownOnce");

/** @throws ApiRefusal where the key of the request may not make such a one, or the customer has too many */
export async function makeKey(
  c: ApiContext,
  sql: Transaction,
  request: { customerId: number; name: string | undefined; rights: KeyRights; expiresAt: Date | null },
): Promise<z.input<typeof CreatedApiKey>> {
  const { deps, actor } = c.var;
  const now = deps.now();
  const beyond = scopesBeyond(actor.keyRights, request.rights);
  if (beyond.length > 0)
    throw forbidden({ code: "key-scope-beyond", params: { scopes: { names: beyond, more: 0 } } });
  if (request.expiresAt !== null && request.expiresAt.getTime() <= now.getTime())
    throw badField("expires_at", "expiry-past");

  const { key, prefix, keyHash } = makeApiKey();
  const { customerId, name = "key", rights, expiresAt } = request;
  if (!(await hasRoomForKey(sql, { customerId, now })))
    throw conflict({ code: "keys-too-many", params: { max_keys: MAX_LIVE_KEYS } });
  // Or a login that administers nothing would make itself a key of its account that does.
  const loginRole = actor.loginRole === "customer" ? actor.loginRole : null;
  const row = await insertApiKey(sql, {
    customerId,
    name,
    prefix,
    keyHash,
    rights,
    expiresAt,
    now,
    loginRole,
  });
  return { ...apiKeyAnswer(row), key };
}

/** What the wish names, else what the asking key has. */
export function requestedRights(c: ApiContext, { scopes }: KeyRequest): KeyRights {
  return scopes === undefined ? c.var.actor.keyRights : { role: "account", scopes };
}

/** What an expiring key makes ends with it, for whichever account: that may become an administrator's later. */
export function expiryWithin(c: ApiContext, { expires_at: requested }: KeyRequest): Date | null {
  const own = c.var.actor.keyExpiresAt;
  if (requested === undefined) return own;
  const expiresAt = requested === null ? null : new Date(requested);
  if (own !== null && outlives(expiresAt, own))
    throw badField("expires_at", {
      code: "expiry-beyond-key",
      params: { key_expires_at: own.toISOString() },
    });
  return expiresAt;
}

export function apiKeyAnswer(row: ApiKeyRow): z.input<typeof ApiKey> {
  return {
    ...row,
    created_at: row.created_at.toISOString(),
    expires_at: iso(row.expires_at),
    last_used_at: iso(row.last_used_at),
    revoked_at: iso(row.revoked_at),
  };
}
