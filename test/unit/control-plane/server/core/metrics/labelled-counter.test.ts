import { LabelledCounter } from "@remotegpu/control-plane/server/core/metrics/labelled-counter";
import { expect, test } from "vitest";

test("a counter serves one sample of each combination of its labels' values", () => {
  const counter = new LabelledCounter(["kind", "result"]);

  counter.add(["training", "placed"]);
  counter.add(["training", "taken"], 2);
  counter.add(["training", "placed"]);

  expect(counter.samples()).toEqual([
    { labels: { kind: "training", result: "placed" }, value: 2 },
    { labels: { kind: "training", result: "taken" }, value: 2 },
  ]);
});

test("values that are known before are served as 0, so that their first rise is seen", () => {
  const counter = new LabelledCounter(["result"], [["delivered"]]);

  expect(counter.samples()).toEqual([{ labels: { result: "delivered" }, value: 0 }]);
});

test("a counter without labels serves one number", () => {
  const counter = new LabelledCounter([], [[]]);

  counter.add([], 3);

  expect(counter.samples()).toEqual([{ labels: {}, value: 3 }]);
});
