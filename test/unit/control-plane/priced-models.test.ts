import { expect, test } from "vitest";
import type { EnvironmentResources } from "@remotegpu/control-plane/core/environment-order";
import type { SpecPrices } from "@remotegpu/control-plane/core/price-lines";
import { pricedModels } from "@remotegpu/control-plane/core/priced-models";
import { parsePrice } from "@remotegpu/shared/money";
import { GIB } from "@remotegpu/shared/units";

const FLEET = [
  { model: "A100", memoryBytes: 80 * GIB },
  { model: "L4", memoryBytes: 24 * GIB },
];
const order: EnvironmentResources = {
  cpu: 1,
  memory: GIB,
  gpu: 1,
  gpu_memory: null,
  storage: null,
  temp_storage: null,
  config: null,
};

function pricesFor(...lines: string[]): SpecPrices {
  const prices = lines.map((line) => ({ line, unitPrice: parsePrice("1"), billingUnit: "hour" as const }));
  return { spec: "default", shape: null, prices };
}

const all = pricesFor("cpu", "memory", "gpu");

test.each<[string, Partial<EnvironmentResources>, SpecPrices, string[] | null]>([
  ["no GPU asked", { gpu: 0 }, all, null],
  ["a price for every model", {}, all, ["A100", "L4"]],
  ["a price for one model", {}, pricesFor("cpu", "memory", "gpu:L4"), ["L4"]],
  ["exactly the memory of the larger card", { gpu_memory: 80 * GIB }, all, ["A100"]],
  ["a byte more than any card has", { gpu_memory: 80 * GIB + 1 }, all, []],
  ["a model by name", { config: { gpu_model: "L4" } }, all, ["L4"]],
  ["a model by name that the fleet lacks", { config: { gpu_model: "H100" } }, all, ["H100"]],
  ["a model by name without a price", { config: { gpu_model: "A100" } }, pricesFor("cpu", "memory"), []],
  ["no price for the memory", {}, pricesFor("cpu", "gpu"), []],
])("%s", (_name, change, prices, expected) => {
  expect(pricedModels({ ...order, ...change }, prices, FLEET)).toEqual(expected);
});
