import { DistributionCounter } from "@remotegpu/shared/metrics/distribution";
import { expect, test } from "vitest";

test("a value at a bucket's bound is in it, and one past it in the next", () => {
  const counter = new DistributionCounter({ bounds: [1, 5], labels: ["kind"] });

  for (const value of [0, 1, 1.001, 5, 6]) counter.observe(["training"], value);

  expect(counter.distributions()).toEqual([
    { labels: { kind: "training" }, cumulative: [2, 4], sum: 13.001, count: 5 },
  ]);
});

test("each combination of labels has a distribution of its own", () => {
  const counter = new DistributionCounter({ bounds: [1], labels: ["phase"] }, [["queue"]]);

  counter.observe(["ready"], 2);

  expect(counter.distributions()).toEqual([
    { labels: { phase: "queue" }, cumulative: [0], sum: 0, count: 0 },
    { labels: { phase: "ready" }, cumulative: [0], sum: 2, count: 1 },
  ]);
});
