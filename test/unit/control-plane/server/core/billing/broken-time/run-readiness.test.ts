/** Whether a run ever became ready, and whose fault it was where it did not, by what is known of it. */
import {
  NEVER_READY_AT_MOST_MS,
  readinessOf,
  type RunSoFar,
} from "@remotegpu/control-plane/server/core/billing/broken-time/run-readiness";
import { INSTANCE_PROBLEMS, type InstanceProblem } from "@remotegpu/shared/instance/instance";
import { expect, test } from "vitest";

const STARTING: RunSoFar = {
  isReported: false,
  provenMs: 4_000,
  isReplaced: false,
  state: "starting",
  problem: null,
};

test.each<[string, Partial<RunSoFar>, ReturnType<typeof readinessOf>]>([
  ["starting", {}, "waits"],
  ["placed", { state: "placed", provenMs: 0 }, "waits"],
  ["up, and not serving yet", { state: "ready" }, "waits"],
  ["stopping by itself or by order", { state: "stopping" }, "waits"],
  ["reported ready", { isReported: true }, "ready"],
  ["reported ready, then failed", { isReported: true, state: "failed", problem: "gpu-failed" }, "ready"],
  ["failed of its own program", { state: "failed", problem: "exited" }, "ended"],
  ["failed of its host's card", { state: "failed", problem: "gpu-failed" }, "broken"],
  ["lost with its host", { state: "lost" }, "broken"],
  ["stopped before, by order", { state: "stopped" }, "ended"],
  ["replaced before", { isReplaced: true }, "ended"],
  ["done by itself, between two reports", { state: "stopped", problem: "exited" }, "ended"],
  [
    "failed of a card after an hour",
    { state: "failed", problem: "gpu-failed", provenMs: NEVER_READY_AT_MOST_MS },
    "broken",
  ],
  [
    "failed of a card after more than any start lasts",
    { state: "failed", problem: "gpu-failed", provenMs: NEVER_READY_AT_MOST_MS + 1 },
    "ready",
  ],
])("%s", (_name, change, expected) => {
  expect(readinessOf({ ...STARTING, ...change })).toBe(expected);
});

test("only what a program cannot bring about by itself is a fault of ours", () => {
  const ours = INSTANCE_PROBLEMS.filter(
    (problem: InstanceProblem) => readinessOf({ ...STARTING, state: "failed", problem }) === "broken",
  );

  expect(ours.toSorted()).toEqual([
    "container-lost",
    "gpu-failed",
    "gpu-missing",
    "image-missing",
    "mount-missing",
    "runtime-down",
    "start-refused",
  ]);
});
