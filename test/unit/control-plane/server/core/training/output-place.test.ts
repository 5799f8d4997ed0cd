import { expect, test } from "vitest";
import { outputPlace } from "@remotegpu/control-plane/server/core/training/output-place";

test.each(["", "/", "//"])("%j is where the attempts stand", (path) => {
  expect(outputPlace(path)).toEqual({ kind: "attempts" });
});

test.each([
  ["attempt-1", 1, ""],
  ["attempt-2/", 2, ""],
  ["attempt-20/a/b", 20, "a/b"],
  ["attempt-1/\xff", 1, "\xff"],
])("%j is of an attempt", (path, attempt, rest) => {
  expect(outputPlace(path)).toEqual({ kind: "below", attempt, path: rest });
});

test.each([
  "attempt-0",
  "attempt-21",
  "attempt-01",
  "attempt-1x",
  "result",
  "/attempt-1",
  "attempt-1/../attempt-2",
  "attempt-1/./a",
  "attempt-1//a",
  "attempt-1/a\0",
  "..",
])("%j is elsewhere", (path) => {
  expect(outputPlace(path)).toEqual({ kind: "elsewhere" });
});
