/** Hours left by the exact rate at which money is spent. */
import { type Burn, burnOf, hundredthHoursLeft } from "@remotegpu/control-plane/server/core/billing/burn";
import type { BillingUnit } from "@remotegpu/control-plane/server/core/billing/rating";
import { parsePoints, parsePrice, parseQuantity } from "@remotegpu/shared/values/money";
import { expect, test } from "vitest";

function burn(unitPrice: string, billingUnit: BillingUnit, quantity = "1"): Burn {
  return burnOf({
    line: "gpu",
    unitPrice: parsePrice(unitPrice),
    billingUnit,
    quantity: parseQuantity(quantity),
  });
}

test("a price is the same rate in whatever unit it is quoted", () => {
  expect(burn("1", "minute")).toBe(burn("60", "hour"));
  expect(burn("1", "hour")).toBe(burn("24", "day"));
  expect(burn("0.5", "hour", "3")).toBe(burn("1.5", "hour"));
});

test.each<[string, Burn, bigint | null]>([
  ["10.0000", burn("3.5", "hour"), 285n],
  ["10.0000", 0n, null],
  ["0.0000", burn("1", "hour"), 0n],
  ["-0.0001", burn("1", "hour"), 0n],
  // By the rounded 0.0417 of an hour it would be 2397.08.
  ["99.9583", burn("1", "day"), 239_899n],
  // Exactly at a hundredth, and one part below it.
  ["0.0100", burn("1", "hour"), 1n],
  ["0.0099", burn("1", "hour"), 0n],
  ["1.0000", burn("0.000001", "hour"), 100_000_000n],
  // Less than any hour's amount shows burns all the same.
  ["1.0000", burn("0.000001", "day", "0.000001"), 2_400_000_000_000_000n],
])("%s last for as many hundredths of an hour, rounded down: %s %s", (funds, rate, expected) => {
  expect(hundredthHoursLeft(parsePoints(funds), rate)).toBe(expected);
});
