/** The labels from which everything but time can be rebuilt. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRunning, isSameRun, LABEL, labelsOf, ownerOf } from "@remotegpu/agent/core/container/container";
import type { Owner } from "@remotegpu/agent/core/container/container";
import {
  HASH,
  HOST,
  RUNNING,
  containerOf,
  exited,
  gpu,
  key,
} from "../../../../support/samples/run-samples.ts";

const owner: Owner = {
  ...key(),
  hostId: HOST,
  specHash: HASH,
  network: "ws-1",
  gpus: [gpu("a"), gpu("b", 4096)],
};

const id = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);
const owners = fc.record({
  hostId: id,
  instanceId: id,
  placementEpoch: fc.integer({ min: 1, max: 1e9 }),
  runId: id,
  specHash: fc.stringMatching(/^[0-9a-f]{64}$/),
  network: fc.tuple(fc.constantFrom("ws", "gang"), fc.nat()).map(([kind, number]) => `${kind}-${number}`),
  gpus: fc.array(
    fc.record({
      uuid: fc.stringMatching(/^(GPU|MIG)-[A-Za-z0-9/-]{8,120}$/),
      memoryMib: fc.option(fc.integer({ min: 1, max: 999_999_999 })),
    }),
    { maxLength: 16 },
  ),
});

test("what is written into labels is read back the same", () => {
  fc.assert(
    fc.property(owners, (any) => {
      expect(ownerOf(labelsOf(any as Owner))).toEqual(any);
    }),
  );
});

test.each(Object.values(LABEL))("without %s a container is nobody's", (label) => {
  const labels = labelsOf(owner);
  delete labels[label];

  expect(ownerOf(labels)).toBeNull();
});

test.each([
  [LABEL.host, "Host A"],
  [LABEL.epoch, "0"],
  [LABEL.epoch, "1.5"],
  [LABEL.epoch, "9".repeat(16)],
  [LABEL.run, ""],
  [LABEL.specHash, "short"],
  [LABEL.network, "host"],
  [LABEL.gpus, "all"],
  [LABEL.gpus, "GPU-00000000,"],
  [LABEL.gpus, "GPU-00000000=0"],
])("%s = %j makes a container nobody's", (label, value) => {
  expect(ownerOf({ ...labelsOf(owner), [label]: value })).toBeNull();
});

describe("small questions", () => {
  test("only what runs is running", () => {
    expect(isRunning(containerOf(key(), RUNNING))).toBe(true);
    expect(isRunning(containerOf(key(), exited(0)))).toBe(false);
    expect(isRunning(null)).toBe(false);
  });

  test("a run is distinguished by instance, epoch and run id", () => {
    expect(isSameRun(key(), key())).toBe(true);
    expect(isSameRun(key(), key({ instance: "env-2" }))).toBe(false);
    expect(isSameRun(key(), key({ epoch: 2 }))).toBe(false);
    expect(isSameRun(key(), key({ run: "run-2" }))).toBe(false);
  });
});
