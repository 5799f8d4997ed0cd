/**
 * Whether environments could never be placed on the fleet as it is, were all of it free. On models without a price they
 * are not placed either; where no model has one, that is for the price's own check to say.
 */
import { type EnvironmentResources, placementRequest } from "../../../core/orders/order.ts";
import { type Impossibility, impossibility } from "../../../core/placement/impossibility.ts";
import type { SpecPrices } from "../../../core/orders/prices/price-lines.ts";
import { pricedModels } from "../../../core/orders/prices/priced-models.ts";
import { specPricesOf, unpriced } from "../../billing/prices/prices.ts";
import type { Connection } from "../../database/database.ts";
import type { EmptyFleet } from "../../fleet/empty-fleet.ts";
import { specOf } from "./order-prices.ts";

export interface OrderOnFleet {
  order: EnvironmentResources & { id: string; image: string; storage_pool: string | null };
  fleet: EmptyFleet;
}

/** Null for each that is possible. */
export async function orderImpossibilities(
  sql: Connection,
  asked: readonly OrderOnFleet[],
  now: Date,
): Promise<(Impossibility | null)[]> {
  const specs = asked.filter(({ order }) => order.gpu > 0).map(({ order }) => specOf(order));
  const prices =
    specs.length === 0 ? new Map<string, SpecPrices>() : await specPricesOf(sql, { specs, at: now });
  return asked.map(({ order, fleet }) => {
    const spec = specOf(order);
    const priced = pricedModels(order, prices.get(spec) ?? unpriced(spec), fleet.models);
    /** Null for any. */
    const models = priced?.length === 0 ? null : priced;
    return impossibility(fleet, placementRequest(order, { skips: [], pricedModels: models, features: [] }));
  });
}
