/**
 * What new prices would change: an hour of what runs today, as it is and as if all of it were started anew, by spec and
 * kind of workload and by who pays. What runs keeps its price, so nothing of this happens by itself. Lines are those
 * that runs have; one that a spec would get in addition is not known here.
 */
import type { Points, Quantity } from "@remotegpu/shared/values/money";
import { type CataloguePrice, countedOf, hourlyPrice, priceFor } from "./price-lines.ts";

/** A line of runs that are alike in all that makes its price, with how many they are. */
export interface RunningLine {
  readonly spec: string;
  readonly resourceType: string;
  readonly customerId: number;
  readonly gpuModel: string | null;
  readonly line: string;
  readonly quantity: Quantity;
  /** Null for a run that began without one. */
  readonly frozen: CataloguePrice | null;
  readonly runs: number;
}

export interface ProposedPrice extends CataloguePrice {
  readonly spec: string;
}

/** Hours of money. */
interface HourlyChange {
  readonly now: Points;
  readonly anew: Points;
}

export interface PriceChange {
  readonly kinds: readonly (HourlyChange & { readonly spec: string; readonly resourceType: string })[];
  /** Whom it changes most come first. */
  readonly customers: readonly (HourlyChange & { readonly customerId: number })[];
}

/** @param inForce by spec; of several proposals for a line the last one counts */
export function priceChange(
  running: readonly RunningLine[],
  inForce: ReadonlyMap<string, readonly CataloguePrice[]>,
  proposed: readonly ProposedPrice[],
): PriceChange {
  const kinds = new Map<string, HourlyChange & { spec: string; resourceType: string }>();
  const customers = new Map<number, HourlyChange & { customerId: number }>();
  for (const one of running) {
    const { spec, resourceType, customerId } = one;
    const before = inForce.get(spec) ?? [];
    const hours = {
      now: hourOf(one, one.frozen ?? priceOf(one, before)),
      anew: hourOf(one, priceOf(one, changed(before, spec, proposed))),
    };
    const kind = JSON.stringify([spec, resourceType]);
    kinds.set(kind, { spec, resourceType, ...sum(kinds.get(kind), hours) });
    customers.set(customerId, { customerId, ...sum(customers.get(customerId), hours) });
  }
  return {
    kinds: [...kinds.values()],
    customers: [...customers.values()].sort(byChange),
  };
}

function priceOf({ line, gpuModel }: RunningLine, prices: readonly CataloguePrice[]): CataloguePrice | null {
  return priceFor(countedOf(line), prices, gpuModel);
}

function hourOf({ quantity, runs }: RunningLine, price: CataloguePrice | null): Points {
  return price === null ? 0n : hourlyPrice([{ ...price, quantity }]) * BigInt(runs);
}

function changed(
  before: readonly CataloguePrice[],
  spec: string,
  proposed: readonly ProposedPrice[],
): CataloguePrice[] {
  const lines = new Map(before.map((price) => [price.line, price]));
  for (const price of proposed) if (price.spec === spec) lines.set(price.line, price);
  return [...lines.values()];
}

function sum(before: HourlyChange | undefined, more: HourlyChange): HourlyChange {
  return { now: (before?.now ?? 0n) + more.now, anew: (before?.anew ?? 0n) + more.anew };
}

function byChange(
  a: HourlyChange & { customerId: number },
  b: HourlyChange & { customerId: number },
): number {
  const [changeOfA, changeOfB] = [size(a), size(b)];
  if (changeOfA !== changeOfB) return changeOfA < changeOfB ? 1 : -1;
  return a.customerId - b.customerId;
}

function size({ now, anew }: HourlyChange): Points {
  return anew < now ? now - anew : anew - now;
}
