import * as fc from "fast-check";
import { displayText, isStorable, text } from "@remotegpu/shared/values/text";
import { describe, expect, test } from "vitest";

describe("text from outside", () => {
  test.each([
    ["", true],
    ["plain", true],
    ["two\nlines and a \t tab", true],
    ["'; DROP TABLE hosts; --", true],
    ["$(reboot) `id` \\", true],
    ["日本語 🙂", true],
    ["x".repeat(8), true],
    ["x".repeat(9), false],
    ["nul \u0000 within", false],
    ["high surrogate \ud800 alone", false],
    ["low surrogate \udc00 alone", false],
  ])("%j is taken: %s", (value, isTaken) => {
    const limit = value.startsWith("x") ? 8 : 100;

    expect(text(limit).safeParse(value).success).toBe(isTaken);
  });

  test.each([[null], [7], [["a"]], [{}], [undefined]])("%j is no text", (value) => {
    expect(text(10).safeParse(value).success).toBe(false);
  });

  test("is taken just when UTF-8 gives it back and it has no U+0000", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.constantFrom("", "\u0000", "\ud800", "\udfff"),
        (rest, odd) => {
          const value = rest + odd;
          const isWhole = Buffer.from(value, "utf8").toString("utf8") === value && !value.includes("\u0000");

          expect(isStorable(value)).toBe(isWhole);
        },
      ),
    );
  });
});

describe("a name for display", () => {
  test.each([
    ["gpu box 1", true],
    ["Ünïcode – fine 🙂", true],
    ["", false],
    [" ", false],
    [" leading", false],
    ["trailing ", false],
    ["trailing\u00a0", false],
    ["two\nlines", false],
    ["bell\u0007", false],
    ["escape \u001b[31m", false],
    ["x".repeat(41), false],
  ])("%j is taken: %s", (value, isTaken) => {
    expect(displayText(40).safeParse(value).success).toBe(isTaken);
  });
});
