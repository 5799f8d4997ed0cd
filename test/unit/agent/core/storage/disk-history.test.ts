/** What is remembered of disks and their writers: for minutes, and of a disk not beyond the last stop for it. */
import { WINDOW_MS } from "@remotegpu/agent/core/storage/disk-guard";
import { DiskHistory } from "@remotegpu/agent/core/storage/disk-history";
import { GIB } from "@remotegpu/shared/values/units";
import { expect, test } from "vitest";
import { runId } from "../../../../support/samples/run-samples.ts";

const DISK = 5;
const OTHER = 6;
const one = runId("one");

function scene() {
  const history = new DiskHistory();
  return {
    history,
    check: (atMs: number, freeBytes: number, written: number | null = null) =>
      history.check({
        atMs,
        disks: new Map([[DISK, { freeBytes, totalBytes: 100 * GIB }]]),
        written: new Map(written === null ? [] : [[one, written]]),
      }),
    measured: (atMs: number, bytes: number) =>
      history.measured({ atMs, held: new Map([[one, new Map([[DISK, bytes]])]]) }),
  };
}

test("growth lies between two measurements, of that disk", () => {
  const { history, check, measured } = scene();
  check(0, 50 * GIB);
  measured(0, GIB);
  expect(history.grownBytes(DISK, one)).toBeNull();
  measured(20_000, 3 * GIB);
  measured(40_000, 4 * GIB);

  expect(history.grownBytes(DISK, one)).toBe(3 * GIB);
  expect(history.grownBytes(OTHER, one)).toBeNull();
  expect(history.grownBytes(DISK, runId("two"))).toBeNull();
});

test("growth of hours, while the disk had room, is none of the last minutes", () => {
  const { history, check, measured } = scene();
  measured(0, GIB);
  check(0, 50 * GIB, 7);
  check(3_600_000, 10 * GIB, 40 * GIB);
  measured(3_600_000, 41 * GIB);

  expect(history.grownBytes(DISK, one)).toBeNull();
  expect(history.goneBytes(DISK)).toBe(0);
  expect(history.writtenBytes(DISK, one)).toBe(0);
});

test("what a check within the window saw still counts at its end, and not beyond", () => {
  const { history, check } = scene();
  check(0, 50 * GIB, 0);
  check(WINDOW_MS, 40 * GIB, GIB);
  expect([history.goneBytes(DISK), history.writtenBytes(DISK, one)]).toEqual([10 * GIB, GIB]);
  check(WINDOW_MS + 1, 40 * GIB, GIB);
  expect([history.goneBytes(DISK), history.writtenBytes(DISK, one)]).toEqual([0, 0]);
});

test("after a stop everything begins anew: no byte is blamed on a second one", () => {
  const { history, check, measured } = scene();
  check(0, 50 * GIB, 0);
  measured(0, GIB);
  check(4_000, 2 * GIB, 20 * GIB);
  measured(4_000, 40 * GIB);
  history.beginAnew(DISK, 8_000);

  check(8_000, 2 * GIB, 20 * GIB);
  measured(8_000, 40 * GIB);
  check(12_000, 2 * GIB, 20 * GIB);
  expect(history.goneBytes(DISK)).toBe(0);
  expect(history.grownBytes(DISK, one)).toBeNull();
  expect(history.writtenBytes(DISK, one)).toBe(0);

  check(16_000, GIB, 21 * GIB);
  measured(16_000, 41 * GIB);
  expect([history.goneBytes(DISK), history.grownBytes(DISK, one), history.writtenBytes(DISK, one)]).toEqual([
    GIB,
    GIB,
    GIB,
  ]);
});

test("counts that began anew are no negative ones", () => {
  const { history, check } = scene();
  check(0, GIB, 5 * GIB);
  check(4_000, GIB, 0);

  expect(history.writtenBytes(DISK, one)).toBe(0);
});
