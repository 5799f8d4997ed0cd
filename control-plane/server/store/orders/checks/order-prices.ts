/**
 * The prices of orders: on a card that is decided, or the dearest of the cards they may land on. Read once for many
 * orders; what is priced here is one instance.
 */
import type { Resources } from "../../../core/orders/order.ts";
import {
  asOrderedBefore,
  includedTempStorage,
  linesForOrder,
  type OrderLines,
} from "../../../core/orders/prices/price-lines.ts";
import {
  dearestOfWaiting,
  dearestOnFleet,
  type FleetModel,
  pricedModels,
} from "../../../core/orders/prices/priced-models.ts";
import type { SpecStatus } from "../../../core/orders/prices/spec-sale.ts";
import { type CatalogueSpec, specPricesOf, unpriced } from "../../billing/prices/prices.ts";
import type { Connection } from "../../database/database.ts";

export interface OrderPrices {
  /** As far as what was read for prices tells: without a price a spec may be unknown as well. */
  status(order: Resources): Extract<SpecStatus, "sold" | "retired" | "unpriced">;
  /** The lines of one that was ordered and now starts. */
  linesOn(order: Resources, model: string | null): OrderLines;
  /** The dearest lines of one that is ordered now. */
  dearest(order: Resources): OrderLines;
  dearestOfWaiting(order: Resources): OrderLines;
  /** The models with a price, for placement; null where no GPU is asked. */
  pricedModels(order: Resources): string[] | null;
  /** Bytes that the order's spec includes; null for one that is not sold as a whole. */
  includedTempStorage(order: Resources): number | null;
}

/**
 * @param orders the only ones that may be asked about
 * @param models those that they may land on; none where it is decided
 */
export async function orderPrices(
  sql: Connection,
  orders: readonly Resources[],
  { models: landsOn, at }: { models: readonly FleetModel[] | Promise<readonly FleetModel[]>; at: Date },
): Promise<OrderPrices> {
  const [specs, models] = await Promise.all([
    specPricesOf(sql, { specs: orders.map(({ spec }) => spec), at }),
    landsOn,
  ]);
  const pricesOf = (order: Resources) => specs.get(order.spec) ?? unpriced(order.spec);
  const linesOn = (order: Resources, model: string | null) =>
    linesForOrder(order, asOrderedBefore(pricesOf(order)), model);
  return {
    status: (order) => stateOf(pricesOf(order)),
    linesOn,
    dearest: (order) => dearestOnFleet(order, pricesOf(order), models),
    dearestOfWaiting: (order) => dearestOfWaiting(order, pricesOf(order), models),
    pricedModels: (order) => pricedModels(order, pricesOf(order), models),
    includedTempStorage: (order) => includedTempStorage(pricesOf(order)),
  };
}

function stateOf({ prices, isRetired }: CatalogueSpec): "sold" | "retired" | "unpriced" {
  if (isRetired) return "retired";
  return prices.every((price) => price.isRetired === true) ? "unpriced" : "sold";
}
