/** The examples for a new catalogue are what an order can be placed by. */
import { EXAMPLE_SPECS } from "@remotegpu/control-plane/server/core/orders/prices/example-prices";
import { linesForOrder, hourlyPrice } from "@remotegpu/control-plane/server/core/orders/prices/price-lines";
import { formatPoints, parsePrice } from "@remotegpu/shared/values/money";
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { expect, test } from "vitest";

test.each(EXAMPLE_SPECS)(
  "an order of all that $spec includes costs $unitPrice an hour, and a core more is refused",
  (example) => {
    const { cpu, memory, gpu, temp_storage } = example.shape;
    const spec = {
      spec: example.spec,
      shape: {
        cpuMilli: cpu * THOUSANDTHS,
        memoryBytes: memory,
        gpus: gpu,
        gpuModel: null,
        gpuMemoryBytes: null,
        tempStorageBytes: temp_storage,
      },
      prices: [{ line: "spec", unitPrice: parsePrice(example.unitPrice), billingUnit: "hour" as const }],
    };
    const order = (cores: number) => ({
      cpuMilli: cores * THOUSANDTHS,
      memoryBytes: memory,
      gpus: gpu,
      gpuMemoryBytes: null,
      gpuShared: false,
      tempStorageBytes: temp_storage,
    });

    const whole = linesForOrder(order(cpu), spec, "any");

    expect(whole.priced && formatPoints(hourlyPrice(whole.lines))).toBe(
      formatPoints(parsePrice(example.unitPrice) / 100n),
    );
    expect(linesForOrder(order(cpu + 1), spec, "any")).toMatchObject({ field: "cpu" });
  },
);

test("their names differ, and each describes what it is", () => {
  expect(new Set(EXAMPLE_SPECS.map(({ spec }) => spec))).toEqual(new Set(["basic", "standard", "premium"]));
  for (const { description } of EXAMPLE_SPECS) expect(description.length).toBeGreaterThan(20);
});
