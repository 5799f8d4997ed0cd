/**
 * For which models many orders have a price, and which cost more than they allow, from two reads: the fleet's models,
 * and the prices of all specs.
 */
import type { Resources } from "../../../core/orders/order.ts";
import { beyondMaximum, type FleetModel, pricedModels } from "../../../core/orders/prices/priced-models.ts";
import { specPricesOf, unpriced } from "../../billing/prices/prices.ts";
import type { Connection } from "../../database/database.ts";
import { fleetModels } from "../../fleet/fleet.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

export interface PricedModels {
  fleet: readonly FleetModel[];
  /** As pricedModels of core says. Orders that ask the same are answered with the same list. */
  modelsOf(order: Resources): string[] | null;
  /** Why the order's own maximum keeps it from every model; null where it does not. */
  beyondMaximum(order: Resources): Reason | null;
}

/** @param orders the only ones that may be asked about */
export async function pricedModelsOf(
  sql: Connection,
  orders: readonly Resources[],
  now: Date,
): Promise<PricedModels> {
  const specs = new Set<string>();
  let isForGpus = false;
  for (const order of orders) {
    const hasGpu = order.gpus > 0;
    if (hasGpu || isBounded(order)) specs.add(order.spec);
    isForGpus ||= hasGpu;
  }
  const [prices, fleet] = await Promise.all([
    specPricesOf(sql, { specs: [...specs], at: now }),
    isForGpus ? fleetModels(sql) : [],
  ]);
  const known = new Map<string, string[] | null>();
  return {
    fleet,
    modelsOf(order) {
      if (order.gpus === 0) return null;
      const spec = prices.get(order.spec) ?? unpriced(order.spec);
      const key = keyOf(order);
      const models = known.get(key) ?? pricedModels(order, spec, fleet);
      known.set(key, models);
      return models;
    },
    beyondMaximum: (order) =>
      isBounded(order) ? beyondMaximum(order, prices.get(order.spec) ?? unpriced(order.spec), fleet) : null,
  };
}

function isBounded({ maximum }: Resources): boolean {
  return maximum !== null;
}

function keyOf(order: Resources): string {
  const { cpuMilli, memoryBytes, gpus, gpuMemoryBytes, tempStorageBytes, spec, gpuShared, gpuModel } = order;
  return JSON.stringify([
    cpuMilli,
    memoryBytes,
    gpus,
    gpuMemoryBytes,
    tempStorageBytes,
    spec,
    gpuShared,
    gpuModel,
    // Whoever named no maximum is alike whatever the number of its instances.
    order.maximum && [`${order.maximum.hourly}`, order.maximum.instances],
  ]);
}
