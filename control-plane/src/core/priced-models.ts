/**
 * Which models of the fleet an order may land on as far as prices go: each that is large enough, or the one that it
 * names, for which every line of the order has a price, and no more than the order allows an hour of it to cost.
 */
import { type EnvironmentResources, pricedOrder } from "./environment-order.ts";
import { dearestLines, linesForOrder, type OrderLines, type SpecPrices } from "./price-lines.ts";

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
  return possibleModels(order, fleet).filter(
    (model) => linesForOrder(pricedOrder(order), spec, model).priced,
  );
}

/** The dearest that it may come to be on any of them. */
export function dearestOnFleet(
  order: EnvironmentResources,
  spec: SpecPrices,
  fleet: readonly FleetModel[],
): OrderLines {
  return dearestLines(pricedOrder(order), spec, possibleModels(order, fleet));
}

/** A sentence without capital and full stop where each model costs more than the order's maximum; else null. */
export function beyondMaximum(
  order: EnvironmentResources,
  spec: SpecPrices,
  fleet: readonly FleetModel[],
): string | null {
  const dearest = dearestOnFleet(order, spec, fleet);
  return !dearest.priced && dearest.reason === "beyond-maximum" ? dearest.detail : null;
}

function possibleModels(order: EnvironmentResources, fleet: readonly FleetModel[]): string[] {
  const named = order.config?.gpu_model;
  if (named !== undefined) return [named];
  return fleet.filter(({ memoryBytes }) => memoryBytes >= (order.gpu_memory ?? 0)).map(({ model }) => model);
}
