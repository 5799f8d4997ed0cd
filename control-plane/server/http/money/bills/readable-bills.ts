/** Whose records the actor may see: one rule for every answer that shows or sums them up. */
import { BILL_READERS } from "../../../core/accounts/access-rights.ts";
import { workspaceIdsOf } from "../../../store/accounts/workspaces.ts";
import type { BillReader } from "../../../store/billing/bills/records.ts";
import type { ApiContext } from "../../deps.ts";
import { actingOn } from "../../request/audit.ts";
import { authorizeWorkspace } from "../../request/authorization.ts";
import { notFound } from "../../request/refusal.ts";

/**
 * What the actor pays, and the bills of workspaces where their role is large enough.
 * @throws ApiRefusal for a workspace or customer whose bill is not theirs to read
 */
export async function readableBills(
  c: ApiContext,
  query: { customer_id?: number | undefined; workspace_id?: number | undefined },
): Promise<BillReader> {
  const { actor, deps } = c.var;
  const onlyOf = (customerId: number | undefined): BillReader => ({
    payerId: customerId ?? null,
    workspaceIds: customerId === undefined ? null : [],
  });
  if (query.workspace_id !== undefined) {
    await authorizeWorkspace(c, query.workspace_id, "read-bill");
    return onlyOf(query.customer_id);
  }
  if (actor.isAdmin) {
    const whose = query.customer_id === undefined ? "all customers" : `customer ${query.customer_id}`;
    actingOn(c, { ownerCustomerId: query.customer_id ?? null, subject: `bills of ${whose}` });
    return onlyOf(query.customer_id);
  }
  if (query.customer_id !== undefined && query.customer_id !== actor.customerId)
    throw notFound({ code: "named-customer", params: { customer_id: query.customer_id } });
  const workspaceIds = await workspaceIdsOf(deps.db, actor.customerId, BILL_READERS);
  return { payerId: actor.customerId, workspaceIds: query.customer_id === undefined ? workspaceIds : [] };
}
