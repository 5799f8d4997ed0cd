import { expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/units";
import type { EnvironmentResources } from "@remotegpu/control-plane/core/orders/order";
import { pricedOrder } from "@remotegpu/control-plane/core/orders/prices/priced-order";

const order = (change: Partial<EnvironmentResources> = {}): EnvironmentResources => ({
  cpu: 2,
  memory: 4 * GIB,
  gpu: 0,
  gpu_memory: null,
  storage: null,
  temp_storage: null,
  config: null,
  ...change,
});

test("a slice is priced as a slice", () => {
  const slice = order({ gpu: 1, gpu_memory: GIB, config: { gpu_sharing: "shared" } });

  expect(pricedOrder(slice)).toMatchObject({ gpus: 1, gpuShared: true, gpuMemoryBytes: GIB });
});

test.each([
  { text: undefined, maximum: null },
  { text: "12.5", maximum: { hourly: 125_000n, instances: 3 } },
  { text: "much", maximum: { hourly: 0n, instances: 3 } },
])("a maximum of $text is for all instances of the order", ({ text, maximum }) => {
  const bounded = order({ node_count: 3, config: { max_price_per_hour: text } });

  expect(pricedOrder(bounded).maximum).toEqual(maximum);
});
