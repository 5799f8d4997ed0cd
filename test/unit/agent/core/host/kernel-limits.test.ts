import { expect, test } from "vitest";
import {
  joined,
  KERNEL_LIMITS,
  lowLimits,
  raisesOf,
  undoable,
  type RaisedLimit,
} from "@remotegpu/agent/core/host/kernel-limits";

const INSTANCES = "fs.inotify.max_user_instances";
const PIPES = "fs.pipe-user-pages-soft";
const MOST = 2 ** 31 - 1;
const valuesOf = (values: Record<string, number>) => new Map(Object.entries(values));

test("every limit has a name of its own", () => {
  expect(new Set(KERNEL_LIMITS.map(({ name }) => name)).size).toBe(KERNEL_LIMITS.length);
});

test.each([
  { limit: INSTANCES, value: 0, isLow: true },
  { limit: INSTANCES, value: 128, isLow: true },
  { limit: INSTANCES, value: MOST - 1, isLow: true },
  { limit: INSTANCES, value: MOST, isLow: false },
  { limit: "kernel.keys.root_maxkeys", value: 200, isLow: true },
  { limit: "kernel.keys.root_maxkeys", value: 1_000_000, isLow: false },
  { limit: "fs.file-max", value: 2 ** 63, isLow: false },
  { limit: PIPES, value: 16_384, isLow: true },
  { limit: PIPES, value: 2 ** 50, isLow: true },
  { limit: PIPES, value: 0, isLow: false },
  { limit: "fs.inotify.max_queued_events", value: 1, isLow: false },
])("$limit at $value is too low: $isLow", ({ limit, value, isLow }) => {
  expect(lowLimits(valuesOf({ [limit]: value })).map(({ name }) => name)).toEqual(isLow ? [limit] : []);
});

test("what is low is raised, what is high enough or not there is left alone, and 0 is written for no limit", () => {
  const values = valuesOf({ [INSTANCES]: 128, [PIPES]: 16_384, "fs.file-max": 2 ** 40 });

  expect(raisesOf(values, [])).toEqual([
    { name: INSTANCES, from: 128, to: MOST },
    { name: PIPES, from: 16_384, to: 0 },
  ]);
});

test("what an older version raised and this one wants higher keeps its value from before the first time", () => {
  const ofBefore: RaisedLimit[] = [
    { name: INSTANCES, from: 128, to: 8192 },
    { name: PIPES, from: 16_384, to: 0 },
  ];

  const raises = raisesOf(valuesOf({ [INSTANCES]: 8192, [PIPES]: 0 }), ofBefore);

  expect(raises).toEqual([{ name: INSTANCES, from: 128, to: MOST }]);
  expect(joined(ofBefore, raises)).toEqual([ofBefore[1], raises[0]]);
});

test("what somebody has lowered since is raised anew, and theirs is the value to go back to", () => {
  const raised: RaisedLimit[] = [{ name: INSTANCES, from: 128, to: MOST }];

  const raises = raisesOf(valuesOf({ [INSTANCES]: 512 }), raised);

  expect(joined(raised, raises)).toEqual([{ name: INSTANCES, from: 512, to: MOST }]);
});

test("undone is only what is still as it was raised", () => {
  const raised: RaisedLimit[] = [
    { name: INSTANCES, from: 128, to: MOST },
    { name: PIPES, from: 16_384, to: 0 },
    { name: "fs.gone", from: 1, to: 2 },
  ];

  expect(undoable(valuesOf({ [INSTANCES]: MOST, [PIPES]: 65_536 }), raised)).toEqual([raised[0]]);
});
