import { expect, test } from "vitest";
import { redialAfterMs } from "@remotegpu/agent/core/access/redial";

test.each([
  [1, 0, 250],
  [1, 0.5, 375],
  [2, 0, 500],
  [3, 0, 1_000],
  [6, 0, 8_000],
  [7, 0, 15_000],
  [8, 0, 15_000],
  [1_000_000, 0, 15_000],
])("after failure %i by chance %d it is dialled again in %i ms", (failures, chance, ms) => {
  expect(redialAfterMs(failures, chance)).toBe(ms);
});

test("it never takes longer than half a minute", () => {
  expect(redialAfterMs(50, 0.999_999)).toBeLessThanOrEqual(30_000);
});
