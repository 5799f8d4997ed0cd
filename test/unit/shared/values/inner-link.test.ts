/** Which links of a tree lead out of it, by their words. */
import { expect, test } from "vitest";
import { staysBelow } from "@remotegpu/shared/values/inner-link";

test.each([
  ["a", "b", true],
  ["a", "./b/../c", true],
  ["d/a", "../b", true],
  ["d/a", "../../b", false],
  ["a", "..", false],
  ["d/a", "..", true],
  ["a", "/b", false],
  ["a", "", false],
  ["a", "b/../../c", false],
])("whether the link %s to %s stays below the top: %s", (link, target, stays) => {
  expect(staysBelow(link.split("/"), target)).toBe(stays);
});
