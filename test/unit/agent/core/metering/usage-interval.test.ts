import type { BootId, RunId } from "@remotegpu/shared/values/ids";
import {
  closeAt,
  closeAtLastSight,
  extend,
  EMIT_EVERY_MS,
  FIRST_EMIT_MS,
  holdAt,
  isSameProcess,
  MISSED_TICK_MS,
  type UsageInterval,
  type Moment,
} from "@remotegpu/agent/core/metering/usage-interval";
import { describe, expect, test } from "vitest";

const BOOT = "11111111-1111-4111-8111-111111111111" as BootId;
const LATER_BOOT = "22222222-2222-4222-8222-222222222222" as BootId;

const interval = (startMs: number, endMs: number): UsageInterval => ({
  runId: "run-1" as RunId,
  bootId: BOOT,
  pid: 100,
  startTicks: 5,
  startMs,
  endMs,
  wallEndMs: 1_000_000 + endMs,
  isOpen: true,
});
const at = (nowMs: number, bootId = BOOT): Moment => ({ bootId, nowMs, wallMs: 1_000_000 + nowMs });
const spans = (pieces: { startMs: number; endMs: number; proof: string }[]) =>
  pieces.map((piece) => [piece.startMs, piece.endMs, piece.proof]);

describe("an interval whose process is alive", () => {
  test.each([
    { from: 0, to: 0, now: 0, pieces: [], next: [0, 0] },
    { from: 0, to: 10_000, now: 20_000, pieces: [], next: [0, 20_000] },
    { from: 0, to: 49_999, now: EMIT_EVERY_MS - 1, pieces: [], next: [0, 59_999] },
    { from: 0, to: 50_000, now: EMIT_EVERY_MS, pieces: [[0, 60_000, "exact"]], next: [60_000, 60_000] },
    { from: 0, to: 10_000, now: 10_000 + MISSED_TICK_MS, pieces: [], next: [0, 25_000] },
    {
      from: 0,
      to: 10_000,
      now: 10_001 + MISSED_TICK_MS,
      pieces: [
        [0, 10_000, "exact"],
        [10_000, 25_001, "reconstructed"],
      ],
      next: [25_001, 25_001],
    },
  ])("[$from, $to) seen at $now goes on as $next", ({ from, to, now, pieces, next }) => {
    const progress = extend(interval(from, to), at(now), {
      isFirst: false,
      isShortOfSpace: false,
      settledMs: null,
    });

    expect(spans(progress.pieces)).toEqual(pieces);
    expect([progress.interval.startMs, progress.interval.endMs]).toEqual(next);
  });

  test.each([
    { to: 0, now: FIRST_EMIT_MS - 1, pieces: [], next: [0, 4_999] },
    { to: 0, now: FIRST_EMIT_MS, pieces: [[0, 5_000, "exact"]], next: [5_000, 5_000] },
    { to: 4_999, now: 14_999, pieces: [[0, 14_999, "exact"]], next: [14_999, 14_999] },
  ])("and that is its first: [0, $to) seen at $now goes on as $next", ({ to, now, pieces, next }) => {
    const progress = extend(interval(0, to), at(now), {
      isFirst: true,
      isShortOfSpace: false,
      settledMs: null,
    });

    expect(spans(progress.pieces)).toEqual(pieces);
    expect([progress.interval.startMs, progress.interval.endMs]).toEqual(next);
  });

  test.each([true, false])("grows in place, however long, while there is no room (first: %s)", (isFirst) => {
    const progress = extend(interval(0, 3_600_000), at(3_610_000), {
      isFirst,
      isShortOfSpace: true,
      settledMs: null,
    });

    expect(progress.pieces).toEqual([]);
    expect(progress.interval).toMatchObject({ startMs: 0, endMs: 3_610_000 });
  });

  test.each([
    { settledMs: 9_000, pieces: [], next: [0, 10_000], why: "nothing of the unwatched time is settled" },
    {
      settledMs: 20_000,
      pieces: [
        [0, 10_000, "exact"],
        [10_000, 20_000, "reconstructed"],
      ],
      next: [20_000, 20_000],
      why: "the rest is still unwatched",
    },
    {
      settledMs: 30_000,
      pieces: [
        [0, 10_000, "exact"],
        [10_000, 30_000, "reconstructed"],
      ],
      next: [30_000, 40_000],
      why: "the rest is no longer than between two ticks",
    },
  ])("unwatched for 30 s is claimed to $settledMs: $why", ({ settledMs, pieces, next }) => {
    const limits = { isFirst: false, isShortOfSpace: false, settledMs };
    const progress = extend(interval(0, 10_000), at(40_000), limits);

    expect(spans(progress.pieces)).toEqual(pieces);
    expect([progress.interval.startMs, progress.interval.endMs]).toEqual(next);
  });

  test.each([
    { lastGoodMs: 4_000, endMs: 4_000 },
    { lastGoodMs: 10_000, endMs: 10_000 },
    { lastGoodMs: 30_000, endMs: 10_000 },
    { lastGoodMs: 0, endMs: 2_000 },
  ])("is held at $lastGoodMs: it reaches to $endMs", ({ lastGoodMs, endMs }) => {
    const { pieces, interval: held } = holdAt(interval(2_000, 10_000), lastGoodMs, at(12_000));

    expect(pieces).toEqual([]);
    expect(held).toMatchObject({ startMs: 2_000, endMs, wallEndMs: 1_000_000 + endMs, isOpen: true });
  });

  test("of another boot is not held by this one's clock", () => {
    const before = interval(2_000, 10_000);

    expect(holdAt(before, 4_000, at(12_000, LATER_BOOT)).interval).toBe(before);
  });

  test("never shrinks when the clock seems to stand or go back", () => {
    const before = interval(0, 20_000);

    const progress = extend(before, at(19_000), { isFirst: true, isShortOfSpace: false, settledMs: null });

    expect(progress).toEqual({ pieces: [], interval: before });
  });
});

describe("an interval whose process ended", () => {
  test.each([
    { finishedMs: 14_000, endMs: 14_000 },
    { finishedMs: 9_000, endMs: 10_000, why: "it was seen alive after that" },
    { finishedMs: 30_000, endMs: 20_000, why: "that is yet to come" },
  ])("at $finishedMs by the runtime is bounded to $endMs", ({ finishedMs, endMs }) => {
    const progress = closeAt(interval(0, 10_000), finishedMs, at(20_000));

    expect(spans(progress.pieces)).toEqual([[0, endMs, "bounded"]]);
    expect(progress.interval).toMatchObject({ isOpen: false, startMs: endMs, endMs });
    expect(progress.pieces[0]?.wallEndMs).toBe(1_000_000 + endMs);
  });

  test("unseen between two ticks is bounded to the last sight", () => {
    const progress = closeAtLastSight(interval(0, 10_000), 20_000, at(20_000));

    expect(spans(progress.pieces)).toEqual([[0, 10_000, "bounded"]]);
    expect(progress.interval).toMatchObject({ isOpen: false, endMs: 10_000 });
  });

  test("unseen over a long gap reports the gap as unproven", () => {
    const progress = closeAtLastSight(interval(0, 10_000), 100_000, at(100_000));

    expect(spans(progress.pieces)).toEqual([
      [0, 10_000, "bounded"],
      [10_000, 100_000, "unproven"],
    ]);
    expect(progress.interval).toMatchObject({ isOpen: false, endMs: 100_000 });
  });

  test("with its boot is bounded to the last sight, and the new boot's clock is not applied to it", () => {
    const progress = closeAtLastSight(interval(0, 10_000), 900_000, at(900_000, LATER_BOOT));

    expect(spans(progress.pieces)).toEqual([[0, 10_000, "bounded"]]);
    expect(progress.pieces[0]?.wallEndMs).toBe(1_010_000);
  });
});

test.each([
  { other: {}, same: true },
  { other: { pid: 101 }, same: false },
  { other: { startTicks: 6 }, same: false },
  { other: { bootId: LATER_BOOT }, same: false },
])("a process is the same only with the same boot, pid and start: $other", ({ other, same }) => {
  const one = { bootId: BOOT, pid: 100, startTicks: 5 };

  expect(isSameProcess(one, { ...one, ...other })).toBe(same);
});
