/** Sets of milliseconds: merging, cutting and finding a moment. */
import {
  atUtc,
  before,
  beyond,
  type Interval,
  momentAfter,
  totalMs,
  union,
  withInterval,
  without,
} from "@remotegpu/control-plane/server/core/billing/proven-time";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const interval = fc
  .tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 40 }))
  .map(([fromMs, length]) => ({ fromMs, toMs: fromMs + length }));

function milliseconds(intervals: readonly Interval[]): Set<number> {
  const all = new Set<number>();
  for (const one of intervals) for (let ms = one.fromMs; ms < one.toMs; ms += 1) all.add(ms);
  return all;
}

test("one interval more gives what uniting it with the others gives", () => {
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 6 }), interval, fc.boolean(), (intervals, next, isTurned) => {
      const time = union(intervals);
      const one = isTurned ? { fromMs: next.toMs, toMs: next.fromMs } : next;

      expect(withInterval(time, one)).toEqual(union([...time, one]));
    }),
    { numRuns: 2_000 },
  );
});

describe("union", () => {
  test.each([
    { name: "nothing", given: [], expected: [] },
    { name: "an empty interval is no time", given: [[5, 5]], expected: [] },
    { name: "a backwards interval is no time", given: [[9, 5]], expected: [] },
    {
      name: "touching intervals become one",
      given: [
        [0, 5],
        [5, 9],
      ],
      expected: [[0, 9]],
    },
    {
      name: "a gap of one stays",
      given: [
        [0, 5],
        [6, 9],
      ],
      expected: [
        [0, 5],
        [6, 9],
      ],
    },
    {
      name: "an interval inside another adds nothing",
      given: [
        [0, 9],
        [2, 4],
      ],
      expected: [[0, 9]],
    },
    {
      name: "order does not matter",
      given: [
        [6, 9],
        [0, 7],
      ],
      expected: [[0, 9]],
    },
  ])("$name", ({ given, expected }) => {
    const merged = union(given.map(([fromMs = 0, toMs = 0]) => ({ fromMs, toMs })));

    expect(merged.map((one) => [one.fromMs, one.toMs])).toEqual(expected);
  });

  test("holds exactly the milliseconds of its intervals", () => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 12 }), (intervals) => {
        const merged = union(intervals);

        expect(milliseconds(merged)).toEqual(milliseconds(intervals));
        expect(totalMs(merged)).toBe(milliseconds(intervals).size);
      }),
    );
  });
});

describe("before", () => {
  test("cuts at the moment and drops what comes later", () => {
    const time = union([
      { fromMs: 0, toMs: 10 },
      { fromMs: 20, toMs: 30 },
    ]);

    expect(before(time, 25)).toEqual([
      { fromMs: 0, toMs: 10 },
      { fromMs: 20, toMs: 25 },
    ]);
    expect(before(time, 20)).toEqual([{ fromMs: 0, toMs: 10 }]);
    expect(before(time, 0)).toEqual([]);
    expect(before(time, null)).toEqual(time);
  });
});

describe("beyond", () => {
  const time = union([
    { fromMs: 100, toMs: 110 },
    { fromMs: 200, toMs: 230 },
  ]);

  test.each([
    { what: "before all", fromMs: 0, toMs: 100, parts: [[0, 100]] },
    { what: "within", fromMs: 101, toMs: 110, parts: [] },
    { what: "over a gap", fromMs: 105, toMs: 210, parts: [[110, 200]] },
    {
      what: "over everything",
      fromMs: 90,
      toMs: 240,
      parts: [
        [90, 100],
        [110, 200],
        [230, 240],
      ],
    },
    { what: "empty", fromMs: 150, toMs: 150, parts: [] },
  ])("an interval $what", ({ fromMs, toMs, parts }) => {
    expect(beyond(time, { fromMs, toMs })).toEqual(parts.map(([from, to]) => ({ fromMs: from, toMs: to })));
  });

  test("is what uniting adds", () => {
    fc.assert(
      fc.property(fc.array(interval), interval, (intervals, next) => {
        const before = union(intervals);

        const parts = beyond(before, next);

        expect(union([...before, ...parts])).toEqual(union([...before, next]));
        expect(totalMs(before) + totalMs(parts)).toBe(totalMs(union([...before, next])));
      }),
    );
  });
});

describe("momentAfter", () => {
  const time = union([
    { fromMs: 100, toMs: 110 },
    { fromMs: 200, toMs: 230 },
  ]);

  test.each([
    { elapsedMs: 0, expected: 100 },
    { elapsedMs: 9, expected: 109 },
    { elapsedMs: 10, expected: 200 },
    { elapsedMs: 39, expected: 229 },
    { elapsedMs: 40, expected: 230 },
    { elapsedMs: 1000, expected: 230 },
  ])("$elapsedMs ms into the time is $expected", ({ elapsedMs, expected }) => {
    expect(momentAfter(time, elapsedMs)).toBe(expected);
  });

  test("no time has no moments", () => {
    expect(momentAfter([], 0)).toBeNull();
  });
});

test("atUtc moves intervals by the boot's zero", () => {
  expect(atUtc([{ fromMs: 1, toMs: 2 }], 1000)).toEqual([{ fromMs: 1001, toMs: 1002 }]);
});

describe("without", () => {
  test("an endless hole leaves what is before it", () => {
    expect(without(union([{ fromMs: 0, toMs: 9 }]), [{ fromMs: 4, toMs: Infinity }])).toEqual([
      { fromMs: 0, toMs: 4 },
    ]);
  });

  test("is every millisecond that lies in no hole", () => {
    fc.assert(
      fc.property(fc.array(interval), fc.array(interval), (time, holes) => {
        const left = without(union(time), union(holes));

        const inHoles = milliseconds(holes);
        expect(milliseconds(left)).toEqual(new Set([...milliseconds(time)].filter((ms) => !inHoles.has(ms))));
        expect(left).toEqual(union(left));
      }),
    );
  });
});
