/**
 * Whether orders could never be placed on the fleet as it is, were all of it free. On models without a price they
 * are not placed either; where no model has one, that is for the price's own check to say.
 */
import { type Order, placementRequest } from "../../../core/orders/order.ts";
import { type Impossibility, impossibility } from "../../../core/placement/impossibility.ts";
import type { SpecPrices } from "../../../core/orders/prices/price-lines.ts";
import { pricedModels } from "../../../core/orders/prices/priced-models.ts";
import { specPricesOf, unpriced } from "../../billing/prices/prices.ts";
import type { Connection } from "../../database/database.ts";
import type { EmptyFleet } from "../../fleet/empty-fleet.ts";

export interface OrderOnFleet {
  order: Order;
  fleet: EmptyFleet;
}

/** Null for each that is possible. */
export async function orderImpossibilities(
  sql: Connection,
  requested: readonly OrderOnFleet[],
  now: Date,
): Promise<(Impossibility | null)[]> {
  const specs = requested.filter(({ order }) => order.gpus > 0).map(({ order }) => order.spec);
  const prices =
    specs.length === 0 ? new Map<string, SpecPrices>() : await specPricesOf(sql, { specs, at: now });
  return requested.map(({ order, fleet }) => {
    const priced = pricedModels(order, prices.get(order.spec) ?? unpriced(order.spec), fleet.models);
    /** Null for any. */
    const models = priced?.length === 0 ? null : priced;
    return impossibility(
      fleet,
      placementRequest(order, order.id ?? "new", {
        skips: [],
        apart: [],
        pricedModels: models,
        features: [],
      }),
    );
  });
}
