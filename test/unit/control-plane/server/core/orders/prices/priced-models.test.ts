import { describe, expect, test } from "vitest";
import { type OrderFields, resourcesOf } from "@remotegpu/control-plane/server/core/orders/order";
import type { SpecPrices } from "@remotegpu/control-plane/server/core/orders/prices/price-lines";
import {
  beyondMaximum,
  dearestOfWaiting,
  dearestOnFleet,
  pricedModels,
} from "@remotegpu/control-plane/server/core/orders/prices/priced-models";
import { parsePrice } from "@remotegpu/shared/money";
import { GIB } from "@remotegpu/shared/units";

const FLEET = [
  { model: "A100", memoryBytes: 80 * GIB },
  { model: "L4", memoryBytes: 24 * GIB },
];
const fields: OrderFields = {
  cpu: 1,
  memory: GIB,
  gpu: 1,
  gpu_memory: null,
  storage: null,
  temp_storage: null,
  config: null,
};

const order = (change: Partial<OrderFields> = {}) => resourcesOf({ ...fields, ...change });

function pricesFor(...lines: string[]): SpecPrices {
  const prices = lines.map((line) => ({ line, unitPrice: parsePrice("1"), billingUnit: "hour" as const }));
  return { spec: "default", shape: null, prices };
}

const all = pricesFor("cpu", "memory", "gpu");

test.each<[string, Partial<OrderFields>, SpecPrices, string[] | null]>([
  ["no GPU asked", { gpu: 0 }, all, null],
  ["a price for every model", {}, all, ["A100", "L4"]],
  ["a price for one model", {}, pricesFor("cpu", "memory", "gpu:L4"), ["L4"]],
  ["exactly the memory of the larger card", { gpu_memory: 80 * GIB }, all, ["A100"]],
  ["a byte more than any card has", { gpu_memory: 80 * GIB + 1 }, all, []],
  ["a model by name", { config: { gpu_model: "L4" } }, all, ["L4"]],
  ["a model by name that the fleet lacks", { config: { gpu_model: "H100" } }, all, ["H100"]],
  ["a model by name without a price", { config: { gpu_model: "A100" } }, pricesFor("cpu", "memory"), []],
  ["no price for the memory", {}, pricesFor("cpu", "gpu"), []],
  ["a maximum that both keep within", { config: { max_price_per_hour: "3" } }, all, ["A100", "L4"]],
  ["a maximum that none keeps within", { config: { max_price_per_hour: "2.9999" } }, all, []],
  [
    "a maximum of three instances",
    { config: { max_price_per_hour: "9" }, node_count: 3 },
    all,
    ["A100", "L4"],
  ],
  ["a maximum of four instances", { config: { max_price_per_hour: "9" }, node_count: 4 }, all, []],
])("%s", (_name, change, prices, expected) => {
  expect(pricedModels(order(change), prices, FLEET)).toEqual(expected);
});

test("a retired price is passed over while another card has one, and holds for what waits where none has", () => {
  const withRetired = (...retired: string[]): SpecPrices => {
    const spec = pricesFor("cpu", "memory", "gpu:A100", "gpu:L4");
    const prices = spec.prices.map((one) => ({ ...one, isRetired: retired.includes(one.line) }));
    return { ...spec, prices };
  };

  expect(pricedModels(order(), withRetired("gpu:A100"), FLEET)).toEqual(["L4"]);
  expect(pricedModels(order(), withRetired("gpu:A100", "gpu:L4"), FLEET)).toEqual(["A100", "L4"]);
  expect(dearestOfWaiting(order(), withRetired("gpu:A100"), FLEET).priced).toBe(true);
  expect(dearestOfWaiting(order(), withRetired("cpu"), FLEET).priced).toBe(true);
  expect(dearestOnFleet(order(), withRetired("cpu"), FLEET)).toMatchObject({ priced: false, field: "cpu" });
});

describe("beyond the order's own maximum", () => {
  const twoPrices: SpecPrices = {
    ...all,
    prices: [...all.prices, { line: "gpu:A100", unitPrice: parsePrice("10"), billingUnit: "hour" }],
  };
  const upTo = (maximum: string, change: Partial<OrderFields> = {}) =>
    order({ config: { max_price_per_hour: maximum }, ...change });

  const beyond = (hourly: string, maximum: string) => ({
    code: "hour-beyond-maximum",
    params: { hourly, maximum },
  });

  test("a dearer model is left out while a cheaper one is within", () => {
    expect(pricedModels(upTo("3"), twoPrices, FLEET)).toEqual(["L4"]);
    expect(beyondMaximum(upTo("3"), twoPrices, FLEET)).toBeNull();
  });

  test("where all are, the reason names the cheapest price and the maximum", () => {
    const within = (change?: Partial<OrderFields>) => beyondMaximum(upTo("2", change), twoPrices, FLEET);

    expect(within()).toEqual(beyond("3.0000", "2.0000"));
    expect(within({ gpu_memory: 80 * GIB })).toEqual(beyond("12.0000", "2.0000"));
  });

  test("an order without GPU has a maximum, too", () => {
    expect(pricedModels(upTo("1", { gpu: 0 }), all, FLEET)).toBeNull();
    expect(beyondMaximum(upTo("1", { gpu: 0 }), all, FLEET)).toEqual(beyond("2.0000", "1.0000"));
    expect(beyondMaximum(upTo("2", { gpu: 0 }), all, FLEET)).toBeNull();
  });

  test("a missing price is no matter of the maximum", () => {
    expect(beyondMaximum(upTo("0"), pricesFor("cpu"), FLEET)).toBeNull();
  });

  test("one that cannot be read allows nothing that costs", () => {
    expect(pricedModels(upTo("much"), all, FLEET)).toEqual([]);
  });
});
