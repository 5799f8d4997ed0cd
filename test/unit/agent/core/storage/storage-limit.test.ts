/** Which runs hold more than they may. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { expect, test } from "vitest";
import { MAX_UNCOUNTED_MS, runsOverStorage } from "@remotegpu/agent/core/storage/storage-limit";
import { MIB } from "@remotegpu/shared/values/units";
import { runId } from "../../../../support/samples/run-samples.ts";

const limits = { tempStorageBytes: 10 * MIB, storageBytes: 20 * MIB };
const over = (
  use: { layerBytes: number | null; folderBytes: number | null; uncountedMs?: number },
  limit: object = {},
) => {
  const run = { runId: runId("run-1"), deletedBytes: 0, uncountedMs: 0 };
  const why = runsOverStorage([{ ...run, limits: { ...limits, ...limit }, ...use }]).get(runId("run-1"));
  return why && textOf(why);
};

test.each([
  [0, 0, false],
  [10 * MIB, 20 * MIB, false],
  [10 * MIB + 1, 0, true],
  [0, 20 * MIB + 1, true],
  [null, null, false],
])("layer %s and folders %s: over is %s", (layerBytes, folderBytes, isOver) => {
  expect(over({ layerBytes, folderBytes }) !== undefined).toBe(isOver);
});

test("without a limit nothing is too much", () => {
  expect(
    over({ layerBytes: 1e15, folderBytes: 1e15 }, { tempStorageBytes: null, storageBytes: null }),
  ).toBeUndefined();
});

test("the sentence names the place and both numbers", () => {
  expect(over({ layerBytes: 12.5 * MIB, folderBytes: 0 })).toBe(
    "Stopped: it holds 12.5 MiB in its own file system (temp_storage); its limit is 10.0 MiB.",
  );
  expect(over({ layerBytes: 0, folderBytes: 21 * MIB })).toBe(
    "Stopped: it holds 21.0 MiB in code and output (storage); its limit is 20.0 MiB.",
  );
});

test.each([
  [MAX_UNCOUNTED_MS - 1, {}, false],
  [MAX_UNCOUNTED_MS, {}, true],
  [MAX_UNCOUNTED_MS, { tempStorageBytes: null }, true],
  [MAX_UNCOUNTED_MS, { tempStorageBytes: null, storageBytes: null }, false],
])("open files that could not be counted for %s ms, limits %o: over is %s", (uncountedMs, limit, isOver) => {
  expect(over({ layerBytes: 0, folderBytes: 0, uncountedMs }, limit) !== undefined).toBe(isOver);
});
