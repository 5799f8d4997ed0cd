/** How far a pull is, by lines that a runtime said (recorded). */
import { describe, expect, test } from "vitest";
import {
  awaitsRegistry,
  awaitsRuntime,
  countedProgress,
  NOTHING_YET,
  progressAfter,
  progressSentence,
  UNCOUNTED,
  type PullEvent,
} from "@remotegpu/agent/core/images/pull-progress";
import { GIB, MIB } from "@remotegpu/shared/units";

type Said = [status: string, id?: string, current?: number, total?: number];

const eventOf = ([status, id, current, total]: Said): PullEvent => ({
  id,
  status,
  current: current ?? null,
  total: total ?? null,
});
const after = (...said: Said[]) => said.map(eventOf).reduce(progressAfter, NOTHING_YET);

const BEGUN: Said[] = [
  ["Pulling from a/one", "1"],
  ["Pulling fs layer", "l1"],
  ["Pulling fs layer", "l2"],
  ["Already exists", "l3"],
];

test("nothing is counted before the first layer is known", () => {
  expect(countedProgress(after(["Pulling from a/one", "1"], ["Digest: sha256:1"]))).toEqual(UNCOUNTED);
});

test.each<[string, Said[], object]>([
  ["layers are announced", [], { layersDone: 1, layers: 3, bytesDone: 0, bytes: 0 }],
  ["one loads", [["Downloading", "l1", 50, 200]], { layersDone: 1, layers: 3, bytesDone: 50, bytes: 200 }],
  [
    "one is loaded whole",
    [
      ["Downloading", "l1", 50, 200],
      ["Download complete", "l1"],
    ],
    { layersDone: 1, layers: 3, bytesDone: 200, bytes: 200 },
  ],
  [
    "one is unpacked, of which nothing was seen before",
    [["Extracting", "l1", 50, 200]],
    { layersDone: 1, layers: 3, bytesDone: 200, bytes: 200 },
  ],
  [
    "one is whole",
    [
      ["Downloading", "l1", 200, 200],
      ["Pull complete", "l1"],
    ],
    { layersDone: 2, layers: 3, bytesDone: 200, bytes: 200 },
  ],
  [
    "one begins anew",
    [
      ["Downloading", "l1", 150, 200],
      ["Retrying in 5 seconds", "l1"],
    ],
    { layersDone: 1, layers: 3, bytesDone: 0, bytes: 200 },
  ],
  ["no size is told", [["Downloading", "l1", 50]], { layersDone: 1, layers: 3, bytesDone: 0, bytes: 0 }],
])("%s", (_what, said, counted) => {
  expect(countedProgress(after(...BEGUN, ...said))).toEqual(counted);
});

describe("what moves", () => {
  const moves = (said: Said[], next: Said) => after(...said, next).reached > after(...said).reached;
  const loading: Said[] = [...BEGUN, ["Downloading", "l1", 50, 200]];

  test.each<[string, Said[], Said, boolean]>([
    ["more bytes", loading, ["Downloading", "l1", 51, 200], true],
    ["the same bytes", loading, ["Downloading", "l1", 50, 200], false],
    ["a new layer", BEGUN, ["Downloading", "l2", 1, 9], true],
    ["another try", loading, ["Retrying in 5 seconds", "l1"], false],
    [
      "bytes that were here before the other try",
      [...loading, ["Retrying in 1 second", "l1"]],
      ["Downloading", "l1", 49, 200],
      false,
    ],
    [
      "more than before the other try",
      [...loading, ["Retrying in 1 second", "l1"]],
      ["Downloading", "l1", 60, 200],
      true,
    ],
    [
      "unpacking",
      [...loading, ["Download complete", "l1"], ["Extracting", "l1", 10, 200]],
      ["Extracting", "l1", 11, 200],
      true,
    ],
    ["words without a layer", loading, ["Status: Downloaded newer image"], false],
  ])("%s: %s", (_what, said, next, does) => {
    expect(moves(said, next)).toBe(does);
  });
});

test.each<[string, Said[], { registry: boolean; runtime: boolean }]>([
  ["before the first word", [], { registry: true, runtime: false }],
  ["announced layers", BEGUN, { registry: true, runtime: false }],
  ["all queued", [...BEGUN, ["Waiting", "l1"], ["Waiting", "l2"]], { registry: true, runtime: true }],
  [
    "one queued beside one that loads",
    [...BEGUN, ["Downloading", "l1", 1, 2], ["Waiting", "l2"]],
    { registry: true, runtime: false },
  ],
  [
    "one queued, the rest loaded",
    [...BEGUN, ["Download complete", "l1"], ["Waiting", "l2"]],
    { registry: true, runtime: true },
  ],
  [
    "all loaded",
    [...BEGUN, ["Download complete", "l1"], ["Extracting", "l2", 1, 2]],
    { registry: false, runtime: false },
  ],
])("what a pull waits for: %s", (_what, said, waits) => {
  const progress = after(...said);

  expect({ registry: awaitsRegistry(progress), runtime: awaitsRuntime(progress) }).toEqual(waits);
});

test.each([
  [UNCOUNTED, "Image x is being pulled."],
  [
    { layersDone: 3, layers: 8, bytesDone: 1.2 * GIB, bytes: 4 * GIB },
    "Image x is being pulled: 3 of 8 layers, 1.2 of 4.0 GiB.",
  ],
  [
    { layersDone: 0, layers: 1, bytesDone: 0, bytes: 12.5 * MIB },
    "Image x is being pulled: 0 of 1 layers, 0.0 of 12.5 MiB.",
  ],
])("people read it: %j", (counted, sentence) => {
  expect(progressSentence("x", counted)).toBe(sentence);
});
