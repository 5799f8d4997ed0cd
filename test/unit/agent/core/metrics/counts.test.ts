import { Counts } from "@remotegpu/agent/core/metrics/counts";
import { expect, test } from "vitest";

test("named keys begin with 0, and others with their first count", () => {
  const counts = new Counts<string>(["io"]);

  counts.add("full");
  counts.add("full", 2);

  expect([...counts.all]).toEqual([
    ["io", 0],
    ["full", 3],
  ]);
});
