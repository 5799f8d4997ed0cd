import { boundedLabel } from "@remotegpu/control-plane/server/core/metrics/bounded-label";
import { expect, test } from "vitest";

const sample = (model: string, state: string, value: number) => ({ labels: { model, state }, value });

test("as many values of a label as are allowed stay as they are", () => {
  const samples = [sample("a", "free", 1), sample("b", "free", 2)];

  expect(boundedLabel(samples, { label: "model", most: 2 })).toEqual(samples);
});

test("one value too many makes the smallest one sum, by the other labels", () => {
  const samples = [
    sample("a", "free", 1),
    sample("a", "held", 1),
    sample("b", "free", 9),
    sample("c", "free", 2),
    sample("c", "held", 3),
  ];

  expect(boundedLabel(samples, { label: "model", most: 2 })).toEqual([
    sample("other", "free", 3),
    sample("other", "held", 4),
    sample("b", "free", 9),
  ]);
});
