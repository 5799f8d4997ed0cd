/** How far a pull is, by lines that a runtime said (recorded). */
import { describe, expect, test } from "vitest";
import {
  MAX_LAYER_BYTES,
  MAX_LAYERS,
  progressReason,
  PullProgress,
  UNCOUNTED,
  type PullEvent,
} from "@remotegpu/agent/core/images/pull-progress";
import { ObservedPull } from "@remotegpu/shared/instance/image-fetch";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { GIB, MIB } from "@remotegpu/shared/values/units";

type Message = [status: string, id?: string, current?: number, total?: number];

const eventOf = ([status, id, current, total]: Message): PullEvent => ({
  id,
  status,
  current: current ?? null,
  total: total ?? null,
});
const after = (...output: Message[]) => {
  const progress = new PullProgress();
  for (const event of output.map(eventOf)) progress.note(event);
  return progress;
};

const BEGUN: Message[] = [
  ["Pulling from a/one", "1"],
  ["Pulling fs layer", "l1"],
  ["Pulling fs layer", "l2"],
  ["Already exists", "l3"],
];

test("nothing is counted before the first layer is known", () => {
  expect(after(["Pulling from a/one", "1"], ["Digest: sha256:1"]).counted).toEqual(UNCOUNTED);
});

test.each<[string, Message[], object]>([
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
  ["no size is reported", [["Downloading", "l1", 50]], { layersDone: 1, layers: 3, bytesDone: 0, bytes: 0 }],
])("%s", (_what, output, counted) => {
  expect(after(...BEGUN, ...output).counted).toEqual(counted);
});

describe("what moves", () => {
  const moves = (output: Message[], next: Message) =>
    after(...output, next).reached > after(...output).reached;
  const loading: Message[] = [...BEGUN, ["Downloading", "l1", 50, 200]];

  test.each<[string, Message[], Message, boolean]>([
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
  ])("%s: %s", (_what, output, next, does) => {
    expect(moves(output, next)).toBe(does);
  });
});

test.each<[string, Message[], { registry: boolean; runtime: boolean }]>([
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
])("what a pull waits for: %s", (_what, output, waits) => {
  const progress = after(...output);

  expect({ registry: progress.awaitsRegistry, runtime: progress.awaitsRuntime }).toEqual(waits);
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
  expect(textOf(progressReason("x", counted))).toBe(sentence);
});

const reported = (progress: PullProgress) =>
  ObservedPull.safeParse({
    image: "x:1",
    fetchId: null,
    state: "pulling",
    problem: null,
    operatorDetail: null,
    ...progress.counted,
  });

test.each([
  Number.MAX_SAFE_INTEGER,
  Number.MAX_VALUE,
  Number.POSITIVE_INFINITY,
  -1,
  -Number.MAX_VALUE,
  0.5,
  Number.NaN,
])("a layer of %d bytes is reported like any other", (bytes) => {
  const progress = new PullProgress();
  for (let at = 0; at < MAX_LAYERS; at += 1)
    for (const status of ["Downloading", "Extracting", "Pull complete"])
      progress.note({ id: `l${at}`, status, current: bytes, total: bytes });

  expect(reported(progress).error).toBeUndefined();
  expect(progress.counted.bytes).toBeLessThanOrEqual(MAX_LAYERS * MAX_LAYER_BYTES);
  expect(Number.isSafeInteger(progress.reached)).toBe(true);
});

test("of absurd sizes nothing is left once they are corrected", () => {
  const progress = after(
    ["Downloading", "l1", Number.MAX_VALUE, Number.MAX_VALUE],
    ["Downloading", "l2", 5, 10],
    ["Downloading", "l1", 1, 2],
  );

  expect(progress.counted).toMatchObject({ bytesDone: 6, bytes: 12 });
});

test("more layers than images have are too many, and are not counted", () => {
  const layers = (count: number) =>
    after(...Array.from({ length: count }, (_, at): Message => ["Pulling fs layer", `l${at}`]));

  expect(layers(MAX_LAYERS).hasTooManyLayers).toBe(false);
  expect(layers(MAX_LAYERS + 1).hasTooManyLayers).toBe(true);
  expect(layers(MAX_LAYERS + 1).counted.layers).toBe(MAX_LAYERS);
});
