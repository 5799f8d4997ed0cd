import { RowRanges } from "@remotegpu/control-plane/server/core/metrics/row-range";
import { expect, test } from "vitest";

test("the first reading counts nothing of what was there before", () => {
  expect(new RowRanges().next(1_000)).toBeNull();
});

test("a row is counted once, one reading after the one that saw its id", () => {
  const ranges = new RowRanges();
  ranges.next(10);

  expect(ranges.next(12)).toBeNull();
  expect(ranges.next(12)).toEqual({ after: 10, upTo: 12 });
  expect(ranges.next(15)).toBeNull();
  expect(ranges.next(20)).toEqual({ after: 12, upTo: 15 });
});

test("after a long pause only the newest rows are counted", () => {
  const ranges = new RowRanges();
  ranges.next(0);
  ranges.next(250_000);

  expect(ranges.next(250_000)).toEqual({ after: 150_000, upTo: 250_000 });
});

test("a database that was restored is counted from its new head on", () => {
  const ranges = new RowRanges();
  ranges.next(100);
  ranges.next(120);

  expect(ranges.next(50)).toBeNull();
  expect(ranges.next(60)).toBeNull();
  expect(ranges.next(60)).toEqual({ after: 50, upTo: 60 });
});
