/**
 * Which models of the fleet an order may land on as far as prices go: each that is large enough, or the one that it
 * names, for which every line of the order has a price, and no more than the order allows an hour of it to cost.
 */
import type { Reason } from "../../reasons/reason.ts";
import type { Resources } from "../order.ts";
import {
  asOrderedBefore,
  dearestLines,
  linesForOrder,
  type OrderLines,
  type SpecPrices,
} from "./price-lines.ts";

export interface FleetModel {
  model: string;
  /** The memory of its largest card; 0 where no host reported it. */
  memoryBytes: number;
}

/** Null where no GPU is asked. Those whose price is retired only where no other has one, for what waits since before. */
export function pricedModels(
  order: Resources,
  spec: SpecPrices,
  fleet: readonly FleetModel[],
): string[] | null {
  if (order.gpus === 0) return null;
  const possible = possibleModels(order, fleet);
  const pricedBy = (prices: SpecPrices) =>
    possible.filter((model) => linesForOrder(order, prices, model).priced);
  const sold = pricedBy(spec);
  return sold.length > 0 ? sold : pricedBy(asOrderedBefore(spec));
}

/** The dearest that it may come to be on any of them. */
export function dearestOnFleet(order: Resources, spec: SpecPrices, fleet: readonly FleetModel[]): OrderLines {
  return dearestLines(order, spec, possibleModels(order, fleet));
}

/** The same of an order that waits: what was retired since then holds for it where nothing else does. */
export function dearestOfWaiting(
  order: Resources,
  spec: SpecPrices,
  fleet: readonly FleetModel[],
): OrderLines {
  const sold = dearestOnFleet(order, spec, fleet);
  return sold.priced ? sold : dearestOnFleet(order, asOrderedBefore(spec), fleet);
}

/** The reason where each model costs more than the order's maximum; else null. */
export function beyondMaximum(
  order: Resources,
  spec: SpecPrices,
  fleet: readonly FleetModel[],
): Reason | null {
  const dearest = dearestOfWaiting(order, spec, fleet);
  return !dearest.priced && dearest.reason === "beyond-maximum" ? dearest.detail : null;
}

function possibleModels(order: Resources, fleet: readonly FleetModel[]): string[] {
  const named = order.gpuModel;
  if (named !== null) return [named];
  return fleet
    .filter(({ memoryBytes }) => memoryBytes >= (order.gpuMemoryBytes ?? 0))
    .map(({ model }) => model);
}
