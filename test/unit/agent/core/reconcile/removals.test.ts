/** When a removal that was ordered is done. */
import { expect, test } from "vitest";
import type { RunId } from "@remotegpu/shared/values/ids";
import { completedRemovals } from "@remotegpu/agent/core/reconcile/removals";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { containerOf, exited, key, recordOf } from "../../../../support/samples/run-samples.ts";

const removal = desiredOf("x", {}, { ...key(), want: "removed" });
const NOTHING = { runs: [], containers: [], starting: new Set<RunId>() };

test("it is done once nothing of the placement is left, and nothing else is", () => {
  const others = [
    desiredOf("y", {}, key({ instance: "env-2" })),
    desiredOf("z", {}, { ...key({ instance: "env-3" }), want: "stopped" }),
  ];

  expect(completedRemovals([removal, ...others], NOTHING)).toEqual([removal]);
});

test.each([
  ["its record", { runs: [recordOf(key())] }],
  ["its container, however it is", { containers: [containerOf(key(), exited(0))] }],
  ["another run of the placement", { runs: [recordOf(key({ run: "run-2" }))] }],
  ["a start of it that is in progress", { starting: new Set([key().runId]) }],
])("%s keeps it open", (_what, left) => {
  expect(completedRemovals([removal], { ...NOTHING, ...left })).toEqual([]);
});

test.each([
  ["another placement", key({ epoch: 2 })],
  ["another instance", key({ instance: "env-2" })],
])("what is left of %s does not", (_what, other) => {
  const left = { ...NOTHING, runs: [recordOf(other)], containers: [containerOf(other)] };

  expect(completedRemovals([removal], left)).toEqual([removal]);
});
