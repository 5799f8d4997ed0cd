/** A stop order waives all that follows, a broken stretch only itself. */
import { waivedTime } from "@remotegpu/control-plane/server/core/billing/waived-time";
import { expect, test } from "vitest";

test.each([
  { name: "nothing", fromMs: null, broken: [], expected: [] },
  { name: "a stop order has no end", fromMs: 7, broken: [], expected: [[7, Infinity]] },
  { name: "a stretch ends", fromMs: null, broken: [[2, 5]], expected: [[2, 5]] },
  {
    name: "a stretch before a stop order stays apart",
    fromMs: 9,
    broken: [[2, 5]],
    expected: [
      [2, 5],
      [9, Infinity],
    ],
  },
  {
    name: "a stretch that lasts on when the stop comes",
    fromMs: 9,
    broken: [[2, Infinity]],
    expected: [[2, Infinity]],
  },
])("$name", ({ fromMs, broken, expected }) => {
  const asIntervals = (pairs: number[][]) => pairs.map(([from = 0, to = 0]) => ({ fromMs: from, toMs: to }));

  expect(waivedTime(fromMs, asIntervals(broken))).toEqual(asIntervals(expected));
});
