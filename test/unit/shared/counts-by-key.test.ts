import { expect, test } from "vitest";
import { CountsByKey } from "@remotegpu/shared/counts-by-key";

test("what is added counts for its key and for all, until it is removed", () => {
  const counts = new CountsByKey<string>();
  expect([counts.of("a"), counts.all]).toEqual([0, 0]);

  for (const key of ["a", "b", "a"]) counts.add(key);
  expect([counts.of("a"), counts.of("b"), counts.all]).toEqual([2, 1, 3]);

  counts.remove("a");
  counts.remove("b");
  expect([counts.of("a"), counts.of("b"), counts.all]).toEqual([1, 0, 1]);
  counts.add("b");
  expect([counts.of("b"), counts.all]).toEqual([1, 2]);
});
