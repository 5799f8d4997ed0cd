import { expect, test } from "vitest";
import { byBytes, isName, stepsOf } from "@remotegpu/agent/core/files/relative-path";

const bytes = (text: string) => Buffer.from(text, "latin1");

test.each([
  ["", []],
  ["a", ["a"]],
  ["a/b c/..d", ["a", "b c", "..d"]],
  ["...", ["..."]],
  [`a/${"\xff".repeat(255)}`, ["a", "\xff".repeat(255)]],
  ["x/".repeat(2_047) + "x", Array.from({ length: 2_048 }, () => "x")],
])("%j is a path of these steps", (path, steps) => {
  expect(stepsOf(bytes(path))?.map((step) => Buffer.from(step).toString("latin1"))).toEqual(steps);
});

test.each([
  "/",
  "/a",
  "a/",
  "a//b",
  ".",
  "..",
  "a/./b",
  "a/../b",
  "a\0",
  "x".repeat(256),
  "x/".repeat(2_047) + "xx",
])("%j is none", (path) => {
  expect(stepsOf(bytes(path))).toBeNull();
});

test.each([
  ["a", true],
  [".a", true],
  ["", false],
  [".", false],
  ["..", false],
  ["a/b", false],
  ["\0", false],
])("%j as a name: %s", (name, isOne) => {
  expect(isName(bytes(name))).toBe(isOne);
});

test("names are ordered by their bytes, the shorter one first", () => {
  const names = ["b", "a\xff", "a", "ab", "\xe4", "B"].map((name) => bytes(name));

  expect(names.sort(byBytes).map((name) => name.toString("latin1"))).toEqual([
    "B",
    "a",
    "ab",
    "a\xff",
    "b",
    "\xe4",
  ]);
});
