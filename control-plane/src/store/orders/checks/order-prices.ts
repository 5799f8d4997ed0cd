/**
 * The prices of orders: on a card that is decided, or the dearest of the cards they may land on. Read once for many
 * orders; what is priced here is one instance.
 */
import { type EnvironmentResources } from "../../../core/orders/order.ts";
import { pricedOrder } from "../../../core/orders/prices/priced-order.ts";
import {
  asOrderedBefore,
  DEFAULT_SPEC,
  linesForOrder,
  type OrderLines,
} from "../../../core/orders/prices/price-lines.ts";
import {
  dearestOfWaiting,
  dearestOnFleet,
  type FleetModel,
  pricedModels,
} from "../../../core/orders/prices/priced-models.ts";
import type { SpecStanding } from "../../../core/orders/prices/spec-sale.ts";
import { type CatalogueSpec, specPricesOf, unpriced } from "../../billing/prices/prices.ts";
import type { Connection } from "../../database/database.ts";
import { fleetModels } from "../../fleet/fleet.ts";

export interface OrderPrices {
  /** As far as what was read for prices tells: without a price a spec may be unknown as well. */
  standing(order: EnvironmentResources): Extract<SpecStanding, "sold" | "retired" | "unpriced">;
  /** Of one that was ordered and now starts. */
  linesOn(order: EnvironmentResources, model: string | null): OrderLines;
  /** Of one that is ordered now. */
  dearest(order: EnvironmentResources): OrderLines;
  dearestOfWaiting(order: EnvironmentResources): OrderLines;
  /** The models with a price, for placement; null where no GPU is asked. */
  pricedModels(order: EnvironmentResources): string[] | null;
}

/**
 * @param orders the only ones that may be asked about
 * @param models those that they may land on; none where it is decided
 */
export async function orderPrices(
  sql: Connection,
  orders: readonly EnvironmentResources[],
  { models, at }: { models: readonly FleetModel[]; at: Date },
): Promise<OrderPrices> {
  const specs = await specPricesOf(sql, { specs: orders.map(specOf), at });
  const pricesOf = (order: EnvironmentResources) => specs.get(specOf(order)) ?? unpriced(specOf(order));
  const linesOn = (order: EnvironmentResources, model: string | null) =>
    linesForOrder(pricedOrder(order), asOrderedBefore(pricesOf(order)), model);
  return {
    standing: (order) => standingOf(pricesOf(order)),
    linesOn,
    dearest: (order) => dearestOnFleet(order, pricesOf(order), models),
    dearestOfWaiting: (order) => dearestOfWaiting(order, pricesOf(order), models),
    pricedModels: (order) => pricedModels(order, pricesOf(order), models),
  };
}

function standingOf({ prices, isRetired }: CatalogueSpec): "sold" | "retired" | "unpriced" {
  if (isRetired) return "retired";
  return prices.every((price) => price.isRetired === true) ? "unpriced" : "sold";
}

/** The same models of one order. */
export async function pricedModelsFor(
  sql: Connection,
  order: EnvironmentResources,
  now: Date,
): Promise<string[] | null> {
  const prices = await orderPrices(sql, [order], { models: await fleetModels(sql), at: now });
  return prices.pricedModels(order);
}

export function specOf(order: EnvironmentResources): string {
  return order.config?.spec ?? DEFAULT_SPEC;
}
