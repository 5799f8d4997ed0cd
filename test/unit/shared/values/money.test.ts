import * as fc from "fast-check";
import {
  divideHalfUp,
  formatDecimal,
  formatPoints,
  formatPrice,
  formatQuantity,
  MAX_POINTS,
  parseDecimal,
  parsePoints,
  parsePrice,
  parseQuantity,
} from "@remotegpu/shared/values/money";
import { describe, expect, test } from "vitest";

// As many digits before the point as the parser takes.
const counts = fc.bigInt({ min: 1n - 10n ** 30n, max: 10n ** 30n - 1n });
const decimals = fc.integer({ min: 0, max: 30 });

describe("a decimal text", () => {
  test.each([
    ["0", 0n],
    ["12", 120_000n],
    ["-0.5", -5_000n],
    ["3.1000", 31_000n],
    ["3.1000000", 31_000n],
    ["0.0001", 1n],
    ["-0", 0n],
    ["007.5", 75_000n],
    ["9999999999999999.9999", MAX_POINTS],
  ])("%s is %s ten-thousandths", (text, points) => {
    expect(parsePoints(text)).toBe(points);
  });

  test.each([
    "",
    " ",
    "1 ",
    " 1",
    "1,5",
    "+1",
    "--1",
    "1.",
    ".5",
    "1e3",
    "0x10",
    "1_000",
    "NaN",
    "Infinity",
    "1.5.2",
    "١",
    "1\n",
    "1".repeat(31),
    `0.${"1".repeat(31)}`,
  ])("%j is refused", (text) => {
    expect(() => parsePoints(text)).toThrow(RangeError);
  });

  test.each([
    [parsePoints, "0.00001"],
    [parsePrice, "0.0000001"],
  ])("with more decimals than are stored is refused, not rounded", (parse, text) => {
    expect(() => parse(text)).toThrow(/decimals/);
  });

  test("that is refused is named, but not at any length", () => {
    const naming = expect.objectContaining({ message: expect.stringMatching(/^.{1,120}$/) });

    expect(() => parsePoints("x".repeat(10_000))).toThrow(naming);
  });
});

describe("formatting", () => {
  test.each([
    [formatPoints, 0n, "0.0000"],
    [formatPoints, 5_417n, "0.5417"],
    [formatPoints, -5_417n, "-0.5417"],
    [formatPoints, 10_000n, "1.0000"],
    [formatPrice, 1n, "0.000001"],
    [formatQuantity, 15n * 10n ** 29n, "1.5"],
    [formatQuantity, 2n * 10n ** 30n, "2"],
    [formatQuantity, 100n * 10n ** 30n, "100"],
    [formatQuantity, 0n, "0"],
  ])("%o of %s", (format, count, text) => {
    expect(format(count)).toBe(text);
  });

  test("gives back what was parsed, whatever it was", () => {
    fc.assert(
      fc.property(counts, decimals, (count, places) => {
        expect(parseDecimal(formatDecimal(count, places), places)).toBe(count);
      }),
    );
  });

  test("of a quantity is exact and has no idle zeros", () => {
    fc.assert(
      fc.property(counts, (count) => {
        const text = formatQuantity(count);

        expect(parseQuantity(text)).toBe(count);
        expect(text).not.toMatch(/\.\d*0$|\.$/);
      }),
    );
  });

  test("agrees with whole-number arithmetic on sums and products", () => {
    const amounts = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
    fc.assert(
      fc.property(amounts, amounts, fc.bigInt({ min: 1n, max: 10_000n }), (a, b, times) => {
        const sum = parsePoints(formatPoints(a)) + parsePoints(formatPoints(b));

        expect(sum * times).toBe(a * times + b * times);
        expect(parsePoints(formatPoints(sum))).toBe(a + b);
      }),
    );
  });
});

test("any number of bytes is an exact quantity of GiB", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 53n }), (bytes) => {
      const quantity = (bytes * 10n ** 30n) / 2n ** 30n;

      expect(parseQuantity(formatQuantity(quantity)) * 2n ** 30n).toBe(bytes * 10n ** 30n);
    }),
  );
});

describe("division", () => {
  test.each([
    [5n, 10n, 1n],
    [4n, 10n, 0n],
    [15n, 10n, 2n],
    [-5n, 10n, -1n],
    [-4n, 10n, 0n],
    [0n, 7n, 0n],
    [7n, 1n, 7n],
    [1n, 3n, 0n],
    [2n, 3n, 1n],
  ])("%s / %s rounds to %s", (numerator, denominator, rounded) => {
    expect(divideHalfUp(numerator, denominator)).toBe(rounded);
  });

  test.each([0n, -1n])("by %s is refused", (denominator) => {
    expect(() => divideHalfUp(1n, denominator)).toThrow(RangeError);
  });

  test("is never further off than half of the divisor, and a half goes away from zero", () => {
    fc.assert(
      fc.property(counts, fc.bigInt({ min: 1n, max: 10n ** 12n }), (numerator, denominator) => {
        const off = 2n * (divideHalfUp(numerator, denominator) * denominator - numerator);
        const towardsAway = numerator < 0n ? -off : off;

        expect(towardsAway <= denominator && towardsAway > -denominator).toBe(true);
      }),
    );
  });
});
