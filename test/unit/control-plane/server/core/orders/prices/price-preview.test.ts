/** What new prices would change: exact sums, and that parts always make the whole. */
import type { CataloguePrice } from "@remotegpu/control-plane/server/core/orders/prices/price-lines";
import {
  priceChange,
  type ProposedPrice,
  type RunningLine,
} from "@remotegpu/control-plane/server/core/orders/prices/price-preview";
import { formatPoints, parsePrice, parseQuantity } from "@remotegpu/shared/values/money";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

function price(line: string, unitPrice: string): CataloguePrice {
  return { line, unitPrice: parsePrice(unitPrice), billingUnit: "hour" };
}

function running(change: Partial<RunningLine> = {}): RunningLine {
  return {
    spec: "default",
    resourceType: "environment",
    customerId: 1,
    gpuModel: "H100",
    line: "gpu",
    quantity: parseQuantity("2"),
    frozen: price("gpu", "5"),
    runs: 3,
    ...change,
  };
}

const IN_FORCE = new Map([["default", [price("cpu", "1"), price("gpu", "6")]]]);
const proposal = (line: string, unitPrice: string, spec = "default"): ProposedPrice => ({
  ...price(line, unitPrice),
  spec,
});

function hoursOf(lines: RunningLine[], ...proposed: ProposedPrice[]): string[] {
  return priceChange(lines, IN_FORCE, proposed).kinds.map(
    ({ spec, resourceType, now, anew }) =>
      `${spec} ${resourceType} ${formatPoints(now)} ${formatPoints(anew)}`,
  );
}

describe("an hour of what runs", () => {
  test.each<[string, RunningLine, ProposedPrice[], string]>([
    ["a new price", running(), [proposal("gpu", "7")], "30.0000 42.0000"],
    [
      "a model's own price goes before the general one",
      running(),
      [proposal("gpu:H100", "8"), proposal("gpu", "1")],
      "30.0000 48.0000",
    ],
    ["another model's price", running(), [proposal("gpu:A10", "8")], "30.0000 36.0000"],
    [
      "a run at a model's price of before",
      running({ line: "gpu:H100" }),
      [proposal("gpu", "7")],
      "30.0000 42.0000",
    ],
    [
      "a run that began without a price",
      running({ frozen: null }),
      [proposal("gpu", "7")],
      "36.0000 42.0000",
    ],
    [
      "a line that has no price",
      running({ line: "memory", frozen: null }),
      [proposal("memory", "1")],
      "0.0000 6.0000",
    ],
    [
      "another line",
      running({ line: "cpu", frozen: price("cpu", "1") }),
      [proposal("gpu", "7")],
      "6.0000 6.0000",
    ],
    ["another spec", running(), [proposal("gpu", "7", "other")], "30.0000 36.0000"],
    [
      "of two for a line the last",
      running(),
      [proposal("gpu", "7"), proposal("gpu", "9")],
      "30.0000 54.0000",
    ],
    ["a price by the day", running(), [{ ...proposal("gpu", "24"), billingUnit: "day" }], "30.0000 6.0000"],
  ])("%s", (_what, line, proposed, expected) => {
    expect(hoursOf([line], ...proposed)).toEqual([`default environment ${expected}`]);
  });

  test("is distinguished by spec and kind of workload", () => {
    const lines = [running(), running({ resourceType: "training", runs: 1 }), running({ spec: "other" })];

    expect(hoursOf(lines, proposal("gpu", "7"))).toEqual([
      "default environment 30.0000 42.0000",
      "default training 10.0000 14.0000",
      // Without a price in force it would not start.
      "other environment 30.0000 0.0000",
    ]);
  });
});

test("customers whom it changes most come first, whether dearer or cheaper", () => {
  const { customers } = priceChange(
    [
      running({ customerId: 7, runs: 1 }),
      running({ customerId: 8, runs: 9, frozen: price("gpu", "7") }),
      running({ customerId: 9, frozen: price("gpu", "20") }),
      running({ customerId: 6, runs: 1 }),
    ],
    IN_FORCE,
    [proposal("gpu", "7")],
  );

  expect(customers.map(({ customerId }) => customerId)).toEqual([9, 6, 7, 8]);
});

test("whatever runs, customers and kinds sum up to the same; and without a proposal nothing depends on one", () => {
  const line = fc.record({
    spec: fc.constantFrom("default", "other"),
    resourceType: fc.constantFrom("environment", "training"),
    customerId: fc.integer({ min: 1, max: 4 }),
    gpuModel: fc.constantFrom(null, "H100", "A10"),
    line: fc.constantFrom("cpu", "memory", "gpu", "gpu:H100"),
    quantity: fc.bigInt({ min: 1n, max: 10n ** 32n }),
    frozen: fc.option(
      fc.bigInt({ min: 0n, max: 10n ** 9n }).map((unitPrice) => ({ ...price("x", "0"), unitPrice })),
    ),
    runs: fc.integer({ min: 1, max: 50 }),
  });

  fc.assert(
    fc.property(fc.array(line), fc.bigInt({ min: 0n, max: 10n ** 9n }), (lines, unitPrice) => {
      const { kinds, customers } = priceChange(lines, IN_FORCE, [{ ...proposal("gpu", "0"), unitPrice }]);
      const none = priceChange(lines, IN_FORCE, []);
      const total = (of: readonly { now: bigint; anew: bigint }[]) => ({
        now: of.reduce((sum, { now }) => sum + now, 0n),
        anew: of.reduce((sum, { anew }) => sum + anew, 0n),
      });

      expect(total(customers)).toEqual(total(kinds));
      expect(total(none.kinds).now).toBe(total(kinds).now);
    }),
  );
});
