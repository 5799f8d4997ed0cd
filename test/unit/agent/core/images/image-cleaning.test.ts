/** Which images go when the disk runs low, and which never do. */
import { describe, expect, test } from "vitest";
import {
  excessBytes,
  imagesToRemove,
  isNearlyFull,
  UNUSED_MS,
  type ImageBounds,
  type ImageHold,
} from "@remotegpu/agent/core/images/image-cleaning";
import type { PulledImage } from "@remotegpu/agent/core/images/image-rights";

const NOW = 100 * UNUSED_MS;
const bounds: ImageBounds = { freePart: 0.1, mostBytes: null };
const disk = (freeBytes: number) => ({ freeBytes, totalBytes: 1_000 });
const pulled = (name: string, hoursAgo: number, image = `${name}:1`): PulledImage => ({
  imageId: `sha256:${name}`,
  image,
  credential: null,
  lastUsedMs: NOW - hoursAgo * UNUSED_MS,
});
const stored = (name: string, bytes = 30, names = [`${name}:1`]) => ({ id: `sha256:${name}`, names, bytes });

/** Three of ours, from the least recently used to the one used last, and one of somebody else's. */
const hold = (changes: Partial<ImageHold> = {}): ImageHold => ({
  images: [stored("c"), stored("theirs", 500), stored("a"), stored("b")],
  pulled: [pulled("b", 20), pulled("c", 10), pulled("a", 30)],
  usedIds: new Set(),
  wanted: [],
  disk: disk(0),
  nowMs: NOW,
  ...changes,
});
const removed = (changes: Partial<ImageHold>, within = bounds) =>
  imagesToRemove(hold(changes), within).map(({ imageId }) => imageId.replace("sha256:", ""));

describe("the disk", () => {
  test.each([
    ["has room", 100, []],
    ["lacks a byte", 99, ["a"]],
    ["lacks what one image gives", 70, ["a"]],
    ["lacks a byte more", 69, ["a", "b"]],
    ["is full", 0, ["a", "b", "c"]],
  ])("%s", (_what, freeBytes, expected) => {
    expect(removed({ disk: disk(freeBytes) })).toEqual(expected);
  });

  test("is nobody's concern where no room is to be left free", () => {
    expect(removed({}, { freePart: 0, mostBytes: null })).toEqual([]);
  });
});

test.each([
  [90, []],
  [89, ["a"]],
  [60, ["a"]],
  [59, ["a", "b"]],
  [0, ["a", "b", "c"]],
])("of what was pulled at most %i bytes are retained, whatever else is there", (mostBytes, expected) => {
  expect(removed({ disk: disk(1_000) }, { freePart: 0.1, mostBytes })).toEqual(expected);
});

describe("never goes", () => {
  test.each<[string, Partial<ImageHold>]>([
    ["what a container uses", { usedIds: new Set(["sha256:a"]) }],
    ["what is wanted by name", { wanted: ["a:1"] }],
    ["what is wanted by id", { wanted: ["sha256:a"] }],
    ["what is wanted by its bare id", { wanted: ["a"] }],
    [
      "what somebody gave a name of his own",
      { images: [stored("a", 30, ["a:1", "mine:1"]), stored("b"), stored("c")] },
    ],
    ["what we did not pull", { pulled: [pulled("b", 20), pulled("c", 10)] }],
  ])("%s", (_what, changes) => {
    expect(removed(changes)).toEqual(["b", "c"]);
  });
});

test.each<[string, readonly PulledImage[]]>([
  ["was used a while ago only", [pulled("a", 0.99), pulled("b", 20), pulled("c", 10)]],
  [
    "one of its owners used a while ago",
    [pulled("a", 30), pulled("a", 0.5, "a:1"), pulled("b", 20), pulled("c", 10)],
  ],
])("what %s goes for room on the disk, last, and not for a bound of bytes", (_what, known) => {
  expect(removed({ pulled: known })).toEqual(["b", "c", "a"]);
  expect(removed({ pulled: known, disk: disk(100) }, { freePart: 0.1, mostBytes: 0 })).toEqual(["b", "c"]);
  expect(removed({ pulled: known, disk: disk(39) }, { freePart: 0.1, mostBytes: 0 })).toEqual([
    "b",
    "c",
    "a",
  ]);
});

test("a disk is nearly full below half of what is to stay free", () => {
  expect(isNearlyFull(disk(50), bounds)).toBe(false);
  expect(isNearlyFull(disk(49), bounds)).toBe(true);
  expect(isNearlyFull(disk(0), { freePart: 0 })).toBe(false);
});

test("an image is known by its name as the runtime lists it, and without any", () => {
  const images = [stored("a", 30, ["python:latest"]), stored("b", 30, [])];
  const known = [pulled("a", 30, "docker.io/library/python"), pulled("b", 20)];

  expect(removed({ images, pulled: known })).toEqual(["a", "b"]);
  expect(removed({ images, pulled: known, wanted: ["python"] })).toEqual(["b"]);
});

test("too much may be there with nothing that could go", () => {
  expect(excessBytes(hold({ pulled: [] }), bounds)).toBe(100);
  expect(imagesToRemove(hold({ pulled: [] }), bounds)).toEqual([]);
});
