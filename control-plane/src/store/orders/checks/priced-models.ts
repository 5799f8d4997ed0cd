/**
 * For which models many orders have a price, and which cost more than they allow, from two reads: the fleet's models,
 * and the prices of all specs.
 */
import type { EnvironmentResources } from "../../../core/orders/order.ts";
import { beyondMaximum, type FleetModel, pricedModels } from "../../../core/orders/prices/priced-models.ts";
import { specPricesOf, unpriced } from "../../billing/prices/prices.ts";
import type { Connection } from "../../database/database.ts";
import { specOf } from "./order-prices.ts";
import { fleetModels } from "../../fleet/fleet.ts";

export interface PricedModels {
  fleet: readonly FleetModel[];
  /** As pricedModels of core says. Orders that ask the same are answered with the same list. */
  modelsOf(order: EnvironmentResources): string[] | null;
  /** Why the order's own maximum keeps it from every model; null where it does not. */
  beyondMaximum(order: EnvironmentResources): string | null;
}

/** @param orders the only ones that may be asked about */
export async function pricedModelsOf(
  sql: Connection,
  orders: readonly EnvironmentResources[],
  now: Date,
): Promise<PricedModels> {
  const withGpu = orders.filter(({ gpu }) => gpu > 0);
  const bounded = orders.filter(isBounded);
  const prices = await specPricesOf(sql, { specs: [...withGpu, ...bounded].map(specOf), at: now });
  const fleet = withGpu.length === 0 ? [] : await fleetModels(sql);
  const known = new Map<string, string[] | null>();
  return {
    fleet,
    modelsOf(order) {
      if (order.gpu === 0) return null;
      const spec = prices.get(specOf(order)) ?? unpriced(specOf(order));
      const key = keyOf(order);
      const models = known.get(key) ?? pricedModels(order, spec, fleet);
      known.set(key, models);
      return models;
    },
    beyondMaximum: (order) =>
      isBounded(order)
        ? beyondMaximum(order, prices.get(specOf(order)) ?? unpriced(specOf(order)), fleet)
        : null,
  };
}

function isBounded({ config }: EnvironmentResources): boolean {
  return config?.max_price_per_hour !== undefined;
}

function keyOf(order: EnvironmentResources): string {
  const { cpu, memory, gpu, gpu_memory, temp_storage, config, node_count } = order;
  return JSON.stringify([
    cpu,
    memory,
    gpu,
    gpu_memory,
    temp_storage,
    config?.spec,
    config?.gpu_sharing,
    config?.gpu_model,
    // Whoever named no maximum is alike whatever the number of its instances.
    isBounded(order) ? [config?.max_price_per_hour, node_count] : null,
  ]);
}
