/**
 * Bearer keys and sessions of browsers: 256 random bits, stored as their SHA-256 only. Turns what a request shows into the
 * actor that the routes ask about, and refuses what the key's scopes (core/accounts/key-scopes.ts) do not open; what the
 * account may do is core/accounts/access-rights.ts.
 */
import { hash, randomBytes } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { isExpired, type ScopeRule, scopeNeeded, scopeRefusal } from "../../core/accounts/key-scopes.ts";
import { SESSION_HOURS } from "../../core/accounts/session-cookie.ts";
import { actorOfKey, type KeyHolder, touchKey } from "../../store/accounts/api-keys.ts";
import { holderOfSession, touchSession } from "../../store/accounts/browser-sessions.ts";
import { type SessionEnd, whyEnded } from "../../store/accounts/ended-sessions.ts";
import type { Actor, ApiContext, ApiEnv } from "../deps.ts";
import { remoteAddress } from "./rate-limit.ts";
import { ApiRefusal, type EntryRefusal, forbidden } from "./refusal.ts";
import { clearSession, refuseOtherPages, presentedSession } from "./session-cookies.ts";
import type { GivenReason } from "../../core/reasons/plain-reason.ts";

const KEY_PREFIX = "rgk_";
const SERVICE_KEY_PREFIX = "rgs_";
const SESSION_PREFIX = "rgb_";
const TICKET_PREFIX = "rgt_";
const IDENTITY_INVITATION_PREFIX = "rgi_";
const BEARER = /^Bearer +(\S+)$/i;
const KEY_PATTERN = /^rgk_[A-Za-z0-9_-]{43}$/;
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);
/** As much of a key as is stored in clear, so that a person can tell keys apart. */
const LISTED_CHARACTERS = 12;

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
  const key = newSecret(start);
  return { key, prefix: key.slice(0, LISTED_CHARACTERS), keyHash: secretHash(key) };
}

/** What a session's cookie carries. */
export function makeSessionToken(): string {
  return newSecret(SESSION_PREFIX);
}

export function makeTicket(): string {
  return newSecret(TICKET_PREFIX);
}

/** What a link carries that invites somebody to link their identity. */
export function makeIdentityInvitation(): string {
  return newSecret(IDENTITY_INVITATION_PREFIX);
}

function newSecret(start: string): string {
  return start + randomBytes(32).toString("base64url");
}

export const authenticate = createMiddleware<ApiEnv>(async (c, next) => {
  c.set("actor", await actorFrom(c));
  await next();
});

/** For who ends what they show. What opens nothing any more is taken from the browser all the same. */
export const authenticateToLeave = createMiddleware<ApiEnv>(async (c, next) => {
  try {
    c.set("actor", await actorFrom(c, { mayBeSuspended: true }));
  } catch (error) {
    if (error instanceof ApiRefusal && error.kind === "unauthenticated") clearSession(c);
    throw error;
  }
  await next();
});

interface Allowance {
  /** True: also of an account that is suspended. */
  mayBeSuspended?: boolean;
}

/** @throws ApiRefusal unless the request carries the live key of an active account, or a session of one */
export async function actorFrom(c: ApiContext, allowance: Allowance = {}): Promise<Actor> {
  const authorization = c.req.header("Authorization");
  // Whoever shows a key means it: a cookie goes along with everything that a browser sends.
  if (authorization !== undefined)
    return await actorOfPresentedKey(c, BEARER.exec(authorization)?.[1] ?? "", allowance);
  const token = presentedSession(c);
  if (token === null) throw unauthenticated("key-not-sent");
  return await actorOfSession(c, token, allowance);
}

/** @throws ApiRefusal unless it is the live key of an active account */
export async function actorOfPresentedKey(
  c: ApiContext,
  key: string,
  allowance: Allowance = {},
): Promise<Actor> {
  if (!KEY_PATTERN.test(key)) throw unauthenticated("key-not-sent", "key-malformed");
  c.set("secret", key);
  const keyHash = secretHash(key);
  c.set("keyHash", keyHash);
  const found = await actorOfKey(c.var.deps.db, keyHash);
  if (found === null) throw unauthenticated("key-unknown", "key-unknown");
  return await actorOf(c, found, allowance);
}

async function actorOfSession(c: ApiContext, token: string, allowance: Allowance): Promise<Actor> {
  if (!SAFE_METHODS.has(c.req.method)) refuseOtherPages(c);
  const { deps } = c.var;
  const tokenHash = secretHash(token);
  const found = await holderOfSession(deps.db, tokenHash);
  if (found === null) throw endedBecause(await whyEnded(deps.db, tokenHash));
  const { session, actor: holder } = found;
  if (isExpired(holder.keyExpiresAt, deps.now())) throw endedBecause("key-ended");
  if (isExpired(session.expiresAt, deps.now())) throw endedBecause("expired");
  c.set("secret", token);
  c.set("session", session);
  const actor = await actorOf(c, found, allowance);
  await touchSession(deps.db, found.session, { now: deps.now(), address: remoteAddress(c) });
  return actor;
}

const ENDED: Record<SessionEnd | "expired" | "unknown", GivenReason> = {
  expired: { code: "session-expired", params: { hours: SESSION_HOURS } },
  ended: "session-ended",
  "crowded-out": "session-crowded-out",
  "key-ended": "session-key-ended",
  unknown: "session-unknown",
};

function endedBecause(why: keyof typeof ENDED | null): ApiRefusal {
  return unauthenticated(ENDED[why ?? "unknown"], `session-${why ?? "unknown"}`);
}

/** @throws ApiRefusal where the key has expired, or its account is not active */
export async function actorOf(
  c: ApiContext,
  found: KeyHolder,
  { mayBeSuspended = false }: Allowance = {},
): Promise<Actor> {
  const { deps } = c.var;
  const { keyExpiresAt } = found.actor;
  if (keyExpiresAt !== null && isExpired(keyExpiresAt, deps.now()))
    throw unauthenticated(
      { code: "key-expired", params: { expired_at: keyExpiresAt.toISOString() } },
      "key-expired",
    );
  if (found.customerStatus !== "active" && !mayBeSuspended) throw accountRefusal(found.customerStatus);

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

/** Whether the key orders anything. */
export function opensOrders(c: ApiContext): boolean {
  return scopeRefusal(c.var.actor.keyRights, "orders") === null;
}

export const requireAdmin = createMiddleware<ApiEnv>(async (c, next) => {
  if (!c.var.actor.isAdmin) throw forbidden("administrators-only");
  await next();
});

export function unauthenticated(reason: GivenReason, entryRefusal: EntryRefusal | null = null): ApiRefusal {
  return new ApiRefusal("unauthenticated", reason, { entryRefusal });
}

/** Of an account that is not active. */
export function accountRefusal(status: string): ApiRefusal {
  const entryRefusal = status === "suspended" ? "account-suspended" : "account-closed";
  return new ApiRefusal("forbidden", { code: "account-not-active", params: { status } }, { entryRefusal });
}

/** Keys, tickets and tokens are long and random, so a plain hash of them tells nothing. */
export function secretHash(text: string): string {
  return hash("sha256", text, "hex");
}
