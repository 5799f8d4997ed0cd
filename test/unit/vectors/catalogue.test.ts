/** A vector's quantities in prices: what each entry costs stays what it was. */
import { amountOf } from "@remotegpu/control-plane/server/core/billing/rating";
import { formatPoints, formatQuantity, parsePrice } from "@remotegpu/shared/values/money";
import { expect, test } from "vitest";
import { catalogueOf, NOT_IN_FORCE } from "../../vectors/catalogue.ts";

const BEFORE = new Date("2025-01-01T00:00:00Z");

function entry(quantity: string, unitPrice: string, month: number, unit: "hour" | "day" = "hour") {
  return {
    spec: "A",
    line: "cpu",
    quantity,
    unit_price: unitPrice,
    billing_unit: unit,
    effective_from: `2026-0${month}-01T00:00:00Z`,
  };
}

/** What an hour of a run costs by each of its line's prices. */
function hours(...entries: ReturnType<typeof entry>[]): string[] {
  const { prices, lines } = catalogueOf(entries, BEFORE);
  const [counted] = lines.get("A") ?? [];
  return prices.map((price) =>
    formatPoints(
      amountOf(
        {
          line: price.line,
          quantity: counted?.quantity ?? 0n,
          unitPrice: parsePrice(price.unitPrice),
          billingUnit: price.billingUnit,
        },
        60,
      ),
    ),
  );
}

test("one quantity stays as it is, with its price", () => {
  const { prices, lines } = catalogueOf([entry("0.5", "3.000000", 1)], BEFORE);

  expect(lines.get("A")?.map(({ quantity }) => formatQuantity(quantity))).toEqual(["0.5"]);
  expect(prices.map(({ unitPrice }) => unitPrice)).toEqual(["0.000000", "3.000000"]);
});

test("each of several quantities costs what it did", () => {
  expect(hours(entry("3", "2", 1), entry("1", "2", 2), entry("0.75", "10", 3))).toEqual([
    "0.0000",
    "6.0000",
    "2.0000",
    "7.5000",
  ]);
  expect(hours(entry("0", "2", 1), entry("1.5", "2", 2))).toEqual(["0.0000", "0.0000", "3.0000"]);
  expect(hours(entry("0", "2", 1))).toEqual(["0.0000", "0.0000"]);
});

test("only before its first entry a line seems not to be there", () => {
  const { prices } = catalogueOf([entry("1", "0", 1, "day"), entry("1", "1", 2, "day")], BEFORE);

  const checks = prices.map(({ unitPrice, billingUnit }) => ({ unitPrice, billingUnit }));
  expect(checks.map((check) => JSON.stringify(check) === JSON.stringify(NOT_IN_FORCE))).toEqual([
    true,
    false,
    false,
  ]);
  expect(prices[0]?.effectiveFrom).toBe(BEFORE);
});
