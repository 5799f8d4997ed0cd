import { expect, test } from "vitest";
import {
  type Count,
  countsAfter,
  type StoredCount,
  ratesOf,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/counters";
import { SAMPLE_LIFE_MS } from "@remotegpu/control-plane/server/core/inference/autoscaling/service-load";

/** The writer's clock is an hour behind ours. */
const reported = (count: number, second: number): Count => ({
  metric: "qps",
  source: "gateway-1",
  count,
  reportedAt: second * 1_000,
});
const OURS = 3_600_000;
const after = (...all: Count[]): StoredCount[] =>
  all.reduce<StoredCount[]>((stored, one) => countsAfter(stored, [one], OURS + one.reportedAt), []);

test.each<[string, Count[], number | null]>([
  ["once", [reported(100, 0)], null],
  ["twice", [reported(100, 0), reported(120, 2)], 10],
  ["twice with nothing in between", [reported(100, 0), reported(100, 2)], 0],
  ["three times: by the last two", [reported(0, 0), reported(100, 2), reported(110, 4)], 5],
  ["again from the start", [reported(100, 0), reported(30, 2)], 15],
  ["again in the same moment", [reported(100, 0), reported(120, 2), reported(120, 2)], 10],
  ["too soon after the one before", [reported(100, 0), reported(120, 2), reported(121, 2.5)], 10],
  ["by a clock that was put back by an hour", [reported(0, 7_200), reported(20, 3_600)], null],
])("what is reported %s is so much in a second", (_how, all, rate) => {
  expect(after(...all)).toMatchObject([{ rate }]);
  expect(ratesOf(after(...all)).map(({ value }) => value)).toEqual(rate === null ? [] : [rate]);
});

test("a rate is as old as what it was made of, by our clock", () => {
  const twice = after(reported(100, 0), reported(120, 2));

  const unchanged = countsAfter(twice, [reported(120, 2)], OURS + 20_000);

  expect(ratesOf(unchanged)).toEqual([{ metric: "qps", source: "gateway-1", value: 10, at: OURS + 2_000 }]);
});

test("who reports nothing is remembered for as long as that may still be true", () => {
  const twice = after(reported(100, 0), reported(120, 2));

  expect(countsAfter(twice, [], OURS + 2_000 + SAMPLE_LIFE_MS - 1)).toEqual(twice);
  expect(countsAfter(twice, [], OURS + 2_000 + SAMPLE_LIFE_MS)).toEqual([]);
});
