import { expect, test } from "vitest";
import {
  type Count,
  countsAfter,
  type StoredCount,
  ratesOf,
} from "@remotegpu/control-plane/core/inference/autoscaling/counters";
import { SAMPLE_LIFE_MS } from "@remotegpu/control-plane/core/inference/autoscaling/service-load";

/** The writer's clock is an hour behind ours. */
const told = (count: number, second: number): Count => ({
  metric: "qps",
  source: "gateway-1",
  count,
  reportedAt: second * 1_000,
});
const OURS = 3_600_000;
const after = (...all: Count[]): StoredCount[] =>
  all.reduce<StoredCount[]>((kept, one) => countsAfter(kept, [one], OURS + one.reportedAt), []);

test.each<[string, Count[], number | null]>([
  ["once", [told(100, 0)], null],
  ["twice", [told(100, 0), told(120, 2)], 10],
  ["twice with nothing in between", [told(100, 0), told(100, 2)], 0],
  ["three times: by the last two", [told(0, 0), told(100, 2), told(110, 4)], 5],
  ["again from the start", [told(100, 0), told(30, 2)], 15],
  ["again in the same moment", [told(100, 0), told(120, 2), told(120, 2)], 10],
  ["too soon after the one before", [told(100, 0), told(120, 2), told(121, 2.5)], 10],
  ["by a clock that was put back by an hour", [told(0, 7_200), told(20, 3_600)], null],
])("what is told %s is so much in a second", (_how, all, rate) => {
  expect(after(...all)).toMatchObject([{ rate }]);
  expect(ratesOf(after(...all)).map(({ value }) => value)).toEqual(rate === null ? [] : [rate]);
});

test("a rate is as old as what it was made of, by our clock", () => {
  const twice = after(told(100, 0), told(120, 2));

  const unchanged = countsAfter(twice, [told(120, 2)], OURS + 20_000);

  expect(ratesOf(unchanged)).toEqual([{ metric: "qps", source: "gateway-1", value: 10, at: OURS + 2_000 }]);
});

test("who tells nothing is remembered for as long as that may still be true", () => {
  const twice = after(told(100, 0), told(120, 2));

  expect(countsAfter(twice, [], OURS + 2_000 + SAMPLE_LIFE_MS - 1)).toEqual(twice);
  expect(countsAfter(twice, [], OURS + 2_000 + SAMPLE_LIFE_MS)).toEqual([]);
});
