/**
 * Revoking a key, one's own or a customer's: one that opens no more than the key that asks. Of what a key may make,
 * key-making.ts knows.
 */
import { scopesLackedToRevoke } from "../../core/accounts/key-scopes.ts";
import { liveKey, revokeApiKey, rightsOf } from "../../store/accounts/api-keys.ts";
import type { ApiContext } from "../deps.ts";
import { forbidden, notFound } from "../request/refusal.ts";
import type { Reason } from "../../core/reasons/reason.ts";

/** @throws ApiRefusal where there is no such live key, or the key of the request may not revoke it */
export async function revokeKey(
  c: ApiContext,
  { customerId, apiKeyId, thing }: { customerId: number; apiKeyId: number; thing: Reason },
): Promise<void> {
  const { actor, deps } = c.var;
  const row = await liveKey(deps.db, { customerId, apiKeyId });
  if (row === null) throw notFound(thing);
  // Itself it may always revoke: whoever finds it lost needs nothing else.
  const lacked = row.id === actor.apiKeyId ? [] : scopesLackedToRevoke(actor.keyRights, rightsOf(row));
  if (lacked.length > 0)
    throw forbidden({ code: "revocation-scope-lacking", params: { scopes: { names: lacked, more: 0 } } });
  if (!(await revokeApiKey(deps.db, { customerId, apiKeyId, now: deps.now() }))) throw notFound(thing);
}
