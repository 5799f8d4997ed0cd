import { describe, expect, test } from "vitest";
import { BUCKET_MS, type Readings } from "@remotegpu/control-plane/server/core/hosts/history/gpu-reading";
import {
  overlap,
  ownTime,
  pointsOf,
  stepOf,
} from "@remotegpu/control-plane/server/core/hosts/history/gpu-series";

const MINUTE = 60_000;
const HOUR_MS = 60 * MINUTE;
const T0 = Date.parse("2026-03-10T12:00:00Z");
const after = (minutes: number) => T0 + minutes * MINUTE;
const stretch = (from: number, to: number) => ({ fromMs: after(from), toMs: after(to) });
const readings = (use: number, samples = 30): Readings => ({
  samples,
  utilization: { min: use - 1, mean: use, max: use + 1 },
  memory_used: null,
  temperature: null,
  power: null,
});
const stored = (minutes: number, use: number, samples = 30) => ({
  atMs: after(minutes),
  readings: readings(use, samples),
});
const reported = (points: ReturnType<typeof pointsOf>) =>
  points.map(({ atMs, readings: read }) => [(atMs - T0) / MINUTE, read?.utilization?.mean ?? null]);

describe("points of a stretch", () => {
  test("are one for each five minutes, null where nothing was heard", () => {
    const points = pointsOf([stored(0, 10), stored(10, 30)], stretch(0, 20), BUCKET_MS);

    expect(reported(points)).toEqual([
      [0, 10],
      [5, null],
      [10, 30],
      [15, null],
    ]);
  });

  test("leave out buckets that reach beyond it, at either end by a millisecond", () => {
    const all = [stored(0, 10), stored(5, 20), stored(10, 30)];

    expect(reported(pointsOf(all, { fromMs: T0, toMs: after(15) }, BUCKET_MS)).length).toBe(3);
    expect(reported(pointsOf(all, { fromMs: T0 + 1, toMs: after(15) - 1 }, BUCKET_MS))).toEqual([[5, 20]]);
  });

  test("of hours count each bucket as often as it was read, and only whole buckets of the stretch", () => {
    const all = [stored(-5, 90), stored(0, 10, 30), stored(55, 40, 10), stored(60, 50)];

    const points = pointsOf(all, stretch(0, 65), HOUR_MS);

    expect(points.map(({ atMs, readings: read }) => [atMs, read])).toEqual([
      [T0, { ...readings(18, 40), utilization: { min: 9, mean: 18, max: 41 } }],
      [T0 + HOUR_MS, readings(50)],
    ]);
  });

  test("of hours in whose middle it begins have nothing of before", () => {
    const all = [stored(0, 90), stored(30, 10)];

    expect(reported(pointsOf(all, stretch(30, 60), HOUR_MS))).toEqual([[0, 10]]);
  });

  test("are none of a stretch that has no whole five minutes", () => {
    expect(pointsOf([stored(0, 10)], stretch(1, 4), BUCKET_MS)).toEqual([]);
    expect(pointsOf([stored(0, 10)], stretch(4, 9), BUCKET_MS)).toEqual([]);
  });
});

test.each([
  [3 * 24 * 60, BUCKET_MS],
  [3 * 24 * 60 + 1, HOUR_MS],
])("a stretch of %i minutes is reported in steps of %i ms", (minutes, step) => {
  expect(stepOf(stretch(0, minutes))).toBe(step);
});

test.each([
  [0, 5],
  [4, 5],
  [4.5, 5],
  [4.6, 10],
  [5, 10],
])(
  "what a card was read at is its holder's of minute %d from minute %d on: a reading may be 30 s old",
  (held, from) => {
    expect(ownTime(stretch(held, 60))).toEqual(stretch(from, 60));
  },
);

test("two stretches have in common what lies in both, or nothing", () => {
  expect(overlap(stretch(0, 10), stretch(5, 20))).toEqual(stretch(5, 10));
  expect(overlap(stretch(0, 10), stretch(10, 20))).toBeNull();
});
