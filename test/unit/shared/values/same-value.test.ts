import { expect, test } from "vitest";
import { isSameValue } from "@remotegpu/shared/values/same-value";

test.each([
  [null, null],
  [
    { code: "replica-stopped", params: { rank: 1, names: ["a"] } },
    { params: { names: ["a"], rank: 1 }, code: "replica-stopped" },
  ],
])("%j is the same as %j", (one, other) => {
  expect(isSameValue(one, other)).toBe(true);
});

test.each([
  [null, { code: "as-reported", params: { text: "" } }],
  [{ rank: 1 }, { rank: "1" }],
  [
    ["a", "b"],
    ["b", "a"],
  ],
])("%j is another value than %j", (one, other) => {
  expect(isSameValue(one, other)).toBe(false);
});
