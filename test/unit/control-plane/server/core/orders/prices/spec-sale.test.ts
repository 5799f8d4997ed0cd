import { expect, test } from "vitest";
import { unsoldReason } from "@remotegpu/control-plane/server/core/orders/prices/spec-sale";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

const many = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);

test.each([
  ["unknown", [], "there is no spec large; no other is sold"],
  ["unknown", ["basic"], "there is no spec large; sold is basic"],
  ["unpriced", ["basic", "small"], "no price for the spec large; sold are basic and small"],
  ["retired", ["a", "b", "c"], "the spec large is retired, and no new order may use it; sold are a, b and c"],
] as const)("a spec that is %s is listed with what is sold: %j", (state, sold, sentence) => {
  expect(inEnglish(unsoldReason("large", state, sold))).toBe(sentence);
});

test("of a long catalogue the first twenty are named, and how many more there are", () => {
  expect(inEnglish(unsoldReason("large", "unknown", many(20)))).toMatch(/s18 and s19$/);
  expect(inEnglish(unsoldReason("large", "unknown", many(21)))).toMatch(/s18, s19 and 1 more$/);
});
