/**
 * Who becomes an administrator, by their account's type or by its being active again, does so with all the keys that
 * the account has. These must open no more, and for no longer, than the key that asks, or its own bounds could be got
 * round by an account made for that. What a key may make is keys/key-making.ts.
 */
import { ALL_SCOPES, reachesBeyond } from "../../core/accounts/key-scopes.ts";
import { liveKeysOf, rightsOf } from "../../store/accounts/api-keys.ts";
import { identitiesOf } from "../../store/accounts/identities.ts";
import type { CustomerState } from "../../store/accounts/customers.ts";
import type { Transaction } from "../../store/database/database.ts";
import type { ApiContext } from "../deps.ts";
import { forbidden } from "../request/refusal.ts";

/** Call with the account held. @throws ApiRefusal where the change makes an administrator whose keys reach beyond */
export async function refusePromotionBeyondKey(
  c: ApiContext,
  sql: Transaction,
  { customerId, before, after }: { customerId: number; before: CustomerState; after: CustomerState },
): Promise<void> {
  if (isAdministrator(before) || !isAdministrator(after)) return;
  const { actor, deps } = c.var;
  const own = { rights: actor.keyRights, expiresAt: actor.keyExpiresAt };
  const linked = await identitiesOf(sql, customerId, { limit: 1, after: null });
  // A login by it opens all that the account does, at any time.
  if (linked.length > 0 && reachesBeyond(own, { rights: ALL_SCOPES, expiresAt: null }))
    throw forbidden("identity-beyond-own-key");
  const keys = await liveKeysOf(sql, { customerId, now: deps.now() });
  const beyond = keys.filter((row) =>
    reachesBeyond(own, { rights: rightsOf(row), expiresAt: row.expires_at }),
  );
  if (beyond.length > 0)
    throw forbidden({
      code: "promotion-beyond-own-key",
      params: { key_ids: { names: beyond.map(({ id }) => String(id)), more: 0 } },
    });
}

function isAdministrator({ userType, status }: CustomerState): boolean {
  return userType === "admin" && status === "active";
}
