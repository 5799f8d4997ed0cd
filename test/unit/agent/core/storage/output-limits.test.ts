/** Which kept output goes when there is too much of it, or too little room. */
import { expect, test } from "vitest";
import {
  hasRoomFor,
  RETENTION_MS,
  MAX_RUN_BYTES,
  outputsToDrop,
  SEGMENT_BYTES,
  segmentsToDrop,
} from "@remotegpu/agent/core/storage/output-limits";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { runId } from "../../../../support/samples/run-samples.ts";

const NOW = 1_000 * RETENTION_MS;
const stored = (name: string, bytes: number, ageMs: number) => ({
  runId: runId(name),
  bytes,
  storedAtMs: NOW - ageMs,
});
const plenty = { nowMs: NOW, freeBytes: 100 * GIB };

test("output is stored for its days and no longer", () => {
  const runs = [
    stored("new", 10, 0),
    stored("last-moment", 10, RETENTION_MS - 1),
    stored("old", 10, RETENTION_MS),
  ];

  expect(outputsToDrop(runs, plenty)).toEqual(["old"]);
});

test("beyond the host's bound the oldest runs go first, and no more than needed", () => {
  const runs = Array.from({ length: 129 }, (_, age) => stored(`run-${age}`, MAX_RUN_BYTES, age));

  expect(outputsToDrop(runs.slice(0, 128), plenty)).toEqual([]);
  expect(outputsToDrop(runs, plenty)).toEqual(["run-128"]);
  expect(outputsToDrop(runs.slice(0, 128), { ...plenty, comingBytes: 1 })).toEqual(["run-127"]);
});

test("runs of the same moment go in the order of their names", () => {
  const runs = [stored("b", 2 * GIB, 5), stored("a", 1, 5)];

  expect(outputsToDrop(runs, plenty)).toEqual(["a"]);
});

test("on a full disk output yields to the journal", () => {
  const runs = [stored("new", 100 * MIB, 1), stored("old", 100 * MIB, 2)];

  expect(outputsToDrop(runs, { nowMs: NOW, freeBytes: 128 * MIB })).toEqual([]);
  expect(outputsToDrop(runs, { nowMs: NOW, freeBytes: 128 * MIB - 1 })).toEqual(["old"]);
  expect(outputsToDrop(runs, { nowMs: NOW, freeBytes: 27 * MIB })).toEqual(["old", "new"]);
});

test("nothing is stored where nothing has room", () => {
  expect(hasRoomFor(SEGMENT_BYTES, { storedBytes: 0, freeBytes: 128 * MIB + SEGMENT_BYTES })).toBe(true);
  expect(hasRoomFor(SEGMENT_BYTES, { storedBytes: 0, freeBytes: 128 * MIB + SEGMENT_BYTES - 1 })).toBe(false);
  expect(hasRoomFor(1, { storedBytes: 2 * GIB, freeBytes: 100 * GIB })).toBe(false);
});

test.each([
  [[], []],
  [[1, 2, 3], []],
  [[1, 2, 3, 4], [1]],
  [
    [10, 9, 2, 11, 12],
    [2, 9],
  ],
])("before the next segment, of %j go %j", (numbers, dropped) => {
  expect(segmentsToDrop(numbers)).toEqual(dropped);
});
