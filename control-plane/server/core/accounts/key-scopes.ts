/**
 * What an API key opens of its account: the scopes, which of them a route asks for, and which keys a key may make or
 * revoke. It knows nothing of requests or rows; what the account may do is access-rights.ts.
 */
import type { GivenReason } from "../reasons/plain-reason.ts";

/**
 * `read`: look at everything but the account's money. `orders`: order, change and delete, and enter what runs.
 * `money`: balance, bills, budgets, and webhooks that tell of them.
 */
export const KEY_SCOPES = ["read", "orders", "money"] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/** A key of an account, or one that reads the fleet's metrics and nothing else. */
export type KeyRights = { role: "account"; scopes: readonly KeyScope[] } | { role: "metrics" };

export const ALL_SCOPES: KeyRights = { role: "account", scopes: KEY_SCOPES };

/** "by-method": GET reads, everything else orders. "any": whatever the account's key may otherwise do. */
export type ScopeRule = KeyScope | "by-method" | "any";

/** The scope that a route with this rule asks of a key; null for none. */
export function scopeNeeded(rule: ScopeRule, method: string): KeyScope | null {
  switch (rule) {
    case "any":
      return null;
    case "by-method":
      return method === "GET" || method === "HEAD" ? "read" : "orders";
    case "read":
    case "orders":
    case "money":
      return rule;
  }
}

/** Why a key with these rights does not open the route; null where it does. */
export function scopeRefusal(rights: KeyRights, needed: KeyScope | null): GivenReason | null {
  if (rights.role === "metrics") return "metrics-key-only";
  if (needed === null || rights.scopes.includes(needed)) return null;
  return { code: "scope-lacking", params: { needed, held: { names: rights.scopes, more: 0 } } };
}

/** Those of `wanted` that the key itself lacks: it may not make a key that has them. */
export function scopesBeyond(own: KeyRights, wanted: KeyRights): KeyScope[] {
  if (wanted.role === "metrics") return [];
  const held = own.role === "account" ? own.scopes : [];
  return wanted.scopes.filter((scope) => !held.includes(scope));
}

/** What a key lacks to revoke another: all that the other opens, and the scope that changes things. */
export function scopesLackedToRevoke(own: KeyRights, other: KeyRights): KeyScope[] {
  const scopes = other.role === "account" ? other.scopes : [];
  return scopesBeyond(own, { role: "account", scopes: [...new Set<KeyScope>(["orders", ...scopes])] });
}

export interface KeyReach {
  rights: KeyRights;
  expiresAt: Date | null;
}

/**
 * Whether the other key opens more than the own one, or lives longer. Whoever makes the other one's account an
 * administrator gives all that, just as if they had made the key.
 */
export function reachesBeyond(own: KeyReach, other: KeyReach): boolean {
  // One of metrics opens the same, whatever its account.
  if (other.rights.role === "metrics") return false;
  return scopesBeyond(own.rights, other.rights).length > 0 || outlives(other.expiresAt, own.expiresAt);
}

/** What was made with a key must not outlive it, or an expiry could be got round by the key itself. */
export function outlives(wanted: Date | null, own: Date | null): boolean {
  if (own === null) return false;
  return wanted === null || wanted.getTime() > own.getTime();
}

/** From that very moment on it opens nothing. */
export function isExpired(expiresAt: Date | null, now: Date): boolean {
  return expiresAt !== null && expiresAt.getTime() <= now.getTime();
}
