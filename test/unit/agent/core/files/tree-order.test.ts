/** The order in which a walk through a tree comes to its files. */
import { expect, test } from "vitest";
import { stepsOf } from "@remotegpu/agent/core/files/relative-path";
import { inTreeOrder } from "@remotegpu/agent/core/files/tree-order";

const steps = (path: string) => stepsOf(Buffer.from(path)) ?? [];

test("a folder stands where its name does, not where its path would", () => {
  const paths = ["b", "a.txt", "a/z", "a-", "a/b/c", "a", "B"];

  const ordered = paths.toSorted((one, other) => inTreeOrder(steps(one), steps(other)));

  // As bytes "-" and "." come before "/", and a walk comes to the folder "a" first.
  expect(ordered).toEqual(["B", "a", "a/b/c", "a/z", "a-", "a.txt", "b"]);
});

test("a path is neither before nor behind itself", () => {
  expect(inTreeOrder(steps("a/b"), steps("a/b"))).toBe(0);
});
