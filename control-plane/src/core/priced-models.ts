/**
 * Which models of the fleet an order may land on as far as prices go: each that is large enough, or the one that it
 * names, for which every line of the order has a price.
 */
import { type EnvironmentResources, pricedOrder } from "./environment-order.ts";
import { linesForOrder, type SpecPrices } from "./price-lines.ts";

export interface FleetModel {
  model: string;
  /** Of its largest card; 0 where no host could tell. */
  memoryBytes: number;
}

/** Null where no GPU is asked. */
export function pricedModels(
  order: EnvironmentResources,
  spec: SpecPrices,
  fleet: readonly FleetModel[],
): string[] | null {
  if (order.gpu === 0) return null;
  const named = order.config?.gpu_model;
  const models =
    named === undefined
      ? fleet.filter(({ memoryBytes }) => memoryBytes >= (order.gpu_memory ?? 0)).map(({ model }) => model)
      : [named];
  return models.filter((model) => linesForOrder(pricedOrder(order), spec, model).priced);
}
