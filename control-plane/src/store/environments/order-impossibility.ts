/**
 * Whether an environment could never be placed on the fleet as it is, were all of it free. On models without a price it
 * is not placed either; where no model has one, that is for the price's own check to say.
 */
import { type EnvironmentResources, placementRequest } from "../../core/environment-order.ts";
import { type Impossibility, impossibility } from "../../core/placement/impossibility.ts";
import { pricedModels } from "../../core/priced-models.ts";
import { specPrices } from "../billing/prices.ts";
import type { Connection } from "../database.ts";
import type { EmptyFleet } from "../placement/empty-fleet.ts";
import { specOf } from "./environment-checks.ts";

type ShapedOrder = EnvironmentResources & { id: string; image: string; storage_pool: string | null };

export async function orderImpossibility(
  sql: Connection,
  order: ShapedOrder,
  { fleet, now }: { fleet: EmptyFleet; now: Date },
): Promise<Impossibility | null> {
  const models = order.gpu === 0 ? null : await modelsToLandOn(sql, order, { fleet, now });
  return impossibility(fleet, placementRequest(order, { skips: [], pricedModels: models }));
}

/** Null for any. */
async function modelsToLandOn(
  sql: Connection,
  order: ShapedOrder,
  { fleet, now }: { fleet: EmptyFleet; now: Date },
): Promise<string[] | null> {
  const prices = await specPrices(sql, { spec: specOf(order), at: now });
  const priced = pricedModels(order, prices, fleet.models);
  return priced?.length === 0 ? null : priced;
}
