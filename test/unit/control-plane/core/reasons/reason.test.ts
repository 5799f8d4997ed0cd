import { asReported, isReason } from "@remotegpu/control-plane/core/reasons/reason";
import { expect, test } from "vitest";

test("a text of somebody else is a reason as it was reported", () => {
  const reason = asReported("The fan has stopped.");

  expect(reason).toEqual({ code: "as-reported", params: { text: "The fan has stopped." } });
  expect(isReason(reason)).toBe(true);
});

test("a code of another version is no reason of this one", () => {
  expect(isReason({ code: "of-tomorrow", params: {} })).toBe(false);
});
