/**
 * Bearer keys: 256 random bits, stored as their SHA-256 only. Turns a request's key into the actor that the
 * routes ask about, and refuses what the key's scopes (core/accounts/key-scopes.ts) do not open; what the account may do is
 * core/accounts/access-rights.ts.
 */
import { hash, randomBytes } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { isExpired, type ScopeRule, scopeNeeded, scopeRefusal } from "../../core/accounts/key-scopes.ts";
import { actorOfKey, touchKey } from "../../store/accounts/api-keys.ts";
import type { Actor, ApiContext, ApiEnv } from "../deps.ts";
import { ApiRefusal, forbidden } from "./refusal.ts";

const KEY_PREFIX = "rgk_";
const SERVICE_KEY_PREFIX = "rgs_";
const KEY_PATTERN = /^Bearer +(rgk_[A-Za-z0-9_-]{43})$/i;
/** As much of a key as is stored in clear, so that a person can tell keys apart. */
const SHOWN_CHARACTERS = 12;

export interface NewApiKey {
  key: string;
  prefix: string;
  keyHash: string;
}

export function makeApiKey(): NewApiKey {
  return newKey(KEY_PREFIX);
}

/** For one inference service, at the gateway. */
export function makeServiceKey(): NewApiKey {
  return newKey(SERVICE_KEY_PREFIX);
}

function newKey(start: string): NewApiKey {
  const key = start + randomBytes(32).toString("base64url");
  return { key, prefix: key.slice(0, SHOWN_CHARACTERS), keyHash: secretHash(key) };
}

export const authenticate = createMiddleware<ApiEnv>(async (c, next) => {
  c.set("actor", await actorFrom(c));
  await next();
});

/** @throws ApiRefusal unless the request carries the live key of an active account */
export async function actorFrom(c: ApiContext): Promise<Actor> {
  const { deps } = c.var;
  const key = KEY_PATTERN.exec(c.req.header("Authorization") ?? "")?.[1];
  if (key === undefined) throw unauthenticated("Send a key as `Authorization: Bearer <key>`.");

  const keyHash = secretHash(key);
  c.set("keyHash", keyHash);
  const found = await actorOfKey(deps.db, keyHash);
  if (found === null) throw unauthenticated("This key is not known, or it was revoked.");
  const { keyExpiresAt } = found.actor;
  if (keyExpiresAt !== null && isExpired(keyExpiresAt, deps.now()))
    throw unauthenticated(`This key expired at ${keyExpiresAt.toISOString()}; it opens nothing any more.`);
  if (found.customerStatus !== "active") throw forbidden(`This account is ${found.customerStatus}.`);

  await touchKey(deps.db, found, deps.now());
  return found.actor;
}

/** Before anything else is asked: what a key does not open is told alike, whether it is there or not. */
export const requireScope = (rule: ScopeRule) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    refuseBeyondScope(c, rule);
    await next();
  });

/** @throws ApiRefusal that names the scope which the request's key lacks */
export function refuseBeyondScope(c: ApiContext, rule: ScopeRule): void {
  const refusal = scopeRefusal(c.var.actor.keyRights, scopeNeeded(rule, c.req.method));
  if (refusal !== null) throw forbidden(refusal);
}

/** Whether amounts that stand beside other things are shown: without the scope they are null. */
export function showsMoney(c: ApiContext): boolean {
  return scopeRefusal(c.var.actor.keyRights, "money") === null;
}

export const requireAdmin = createMiddleware<ApiEnv>(async (c, next) => {
  if (!c.var.actor.isAdmin) throw forbidden("Only administrators may do this.");
  await next();
});

function unauthenticated(detail: string): ApiRefusal {
  return new ApiRefusal("unauthenticated", detail);
}

/** Keys and join tokens are long and random, so a plain hash of them tells nothing. */
export function secretHash(text: string): string {
  return hash("sha256", text, "hex");
}
