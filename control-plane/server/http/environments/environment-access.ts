/** Environments as their own routes reach for them: once the actor may, and on the fleet as it is kept. */
import { environmentById, type EnvironmentRow } from "../../store/environments/environments.ts";
import type { EmptyFleet } from "../../store/fleet/empty-fleet.ts";
import type { CachedFleet } from "../../store/fleet/cached-fleet.ts";
import type { RefusedOrder } from "../../store/orders/environment-orders.ts";
import type { ApiContext } from "../deps.ts";
import { workloadFor } from "../workloads/routed-kind.ts";

/** @throws ApiRefusal: not-found for strangers, forbidden for members whose role is too small */
export async function environmentFor(
  c: ApiContext,
  id: string,
  action: "read-workload" | "manage-workload",
): Promise<EnvironmentRow> {
  return await workloadFor(c, { byId: environmentById, what: "environment" }, id, action);
}

/** What the kept fleet finds impossible is tried once more, on a fleet that is read for it. */
export async function onFleet<Done extends { done: true }>(
  stored: Pick<CachedFleet, "recent" | "anew">,
  order: (fleet: EmptyFleet) => Promise<Done | RefusedOrder>,
): Promise<Done | RefusedOrder> {
  const outcome = await order(await stored.recent());
  const isImpossible = !outcome.done && outcome.refusal === "impossible";
  return isImpossible ? await order(await stored.anew()) : outcome;
}
