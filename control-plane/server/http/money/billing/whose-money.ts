/** Whose money a request is about: the caller's own, or, for an administrator, that of the customer it names. */
import { NumericId } from "../../request/route.ts";
import { requireCustomer } from "../../accounts/customers.ts";
import type { ApiContext } from "../../deps.ts";
import { actingOn } from "../../request/audit.ts";
import { notFound } from "../../request/refusal.ts";

/** For the query of such a route. */
export const forCustomer = NumericId.optional().openapi({
  description: "Another customer's; for administrators",
});

/** @param what of the customer's, for the audit log: "budget" */
export async function customerMeant(
  c: ApiContext,
  { customer_id: named }: { customer_id?: number | undefined },
  what: string,
): Promise<number> {
  const { actor, deps } = c.var;
  if (named === undefined || named === actor.customerId) return actor.customerId;
  if (!actor.isAdmin) throw notFound({ code: "named-customer", params: { customer_id: named } });
  actingOn(c, { ownerCustomerId: named, subject: `${what} of customer ${named}` });
  return (await requireCustomer(deps, named)).id;
}
