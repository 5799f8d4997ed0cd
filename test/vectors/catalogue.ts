/**
 * A vector's catalogue in the product's. There a run's quantities are the order's, and a price of the catalogue is for
 * one; here an entry says both, so a later one may change how much is counted, begin a line, or both. The whole change
 * is put into the prices: a line counts the largest quantity of which all its entries have a multiple, and an entry's
 * price is that many times as high. So the product alone finds which entry holds for a run.
 */
import type { NewPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { formatPrice, parsePrice, parseQuantity, type Quantity } from "@remotegpu/shared/values/money";
import type { BillingVector } from "../support/billing/billing-vector.ts";

type Entry = BillingVector["catalog"][number];

/**
 * The price of a line before its first entry: the run has no such line then, and not even a record of nothing. An entry
 * that is free is quoted by the hour instead, which costs the same nothing.
 */
export const NOT_IN_FORCE = { unitPrice: "0.000000", billingUnit: "day" } as const;

interface CountedLine {
  readonly line: string;
  readonly quantity: Quantity;
}

export interface Catalogue {
  readonly prices: readonly NewPrice[];
  /** By spec: what every run of it counts. */
  readonly lines: ReadonlyMap<string, readonly CountedLine[]>;
}

/** @param before a moment at which nothing of the vector has begun */
export function catalogueOf(entries: readonly Entry[], before: Date): Catalogue {
  const prices: NewPrice[] = [];
  const lines = new Map<string, CountedLine[]>();
  for (const ofLine of Map.groupBy(entries, ({ spec, line }) => JSON.stringify([spec, line])).values()) {
    const [{ spec, line }] = ofLine as [Entry, ...Entry[]];
    const quantity = ofLine.map((entry) => parseQuantity(entry.quantity)).reduce(greatestCommonPart);
    lines.set(spec, [...(lines.get(spec) ?? []), { line, quantity }]);
    prices.push({ spec, line, ...NOT_IN_FORCE, effectiveFrom: before, createdBy: null });
    for (const entry of ofLine) prices.push(priceOf(entry, quantity));
  }
  return { prices, lines };
}

function priceOf(entry: Entry, counted: Quantity): NewPrice {
  const times = counted === 0n ? 0n : parseQuantity(entry.quantity) / counted;
  const unitPrice = parsePrice(entry.unit_price) * times;
  return {
    spec: entry.spec,
    line: entry.line,
    unitPrice: formatPrice(unitPrice),
    billingUnit: unitPrice === 0n ? "hour" : entry.billing_unit,
    effectiveFrom: new Date(entry.effective_from),
    createdBy: null,
  };
}

function greatestCommonPart(a: Quantity, b: Quantity): Quantity {
  return b === 0n ? a : greatestCommonPart(b, a % b);
}
