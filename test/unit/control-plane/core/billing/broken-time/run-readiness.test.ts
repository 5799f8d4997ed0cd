/** Whether a run ever became ready, by what is known of it. */
import {
  NEVER_READY_AT_MOST_MS,
  readinessOf,
  type RunSoFar,
} from "@remotegpu/control-plane/core/billing/broken-time/run-readiness";
import { expect, test } from "vitest";

const STARTING: RunSoFar = {
  isReported: false,
  provenMs: 4_000,
  isReplaced: false,
  isWanted: true,
  state: "starting",
  problem: null,
  exitCode: null,
};

test.each<[string, Partial<RunSoFar>, ReturnType<typeof readinessOf>]>([
  ["starting", {}, "waits"],
  ["placed", { state: "placed", provenMs: 0 }, "waits"],
  ["stopping by itself", { state: "stopping" }, "waits"],
  ["reported ready", { isReported: true }, "ready"],
  ["reported ready, then failed", { isReported: true, state: "failed" }, "ready"],
  ["failed", { state: "failed", problem: "exited", exitCode: 1 }, "never"],
  ["lost with its host", { state: "lost" }, "never"],
  ["to be stopped before", { isWanted: false }, "never"],
  ["stopped before, by order", { isWanted: false, state: "stopped", exitCode: 0 }, "never"],
  ["replaced before", { isReplaced: true }, "never"],
  ["done by itself, between two reports", { state: "stopped", problem: "exited", exitCode: 0 }, "ready"],
  ["ended by itself, with an error", { state: "stopped", problem: "exited", exitCode: 3 }, "never"],
  ["failed after an hour", { state: "failed", provenMs: NEVER_READY_AT_MOST_MS }, "never"],
  [
    "failed after more than any start lasts",
    { state: "failed", provenMs: NEVER_READY_AT_MOST_MS + 1 },
    "ready",
  ],
])("%s", (_name, change, expected) => {
  expect(readinessOf({ ...STARTING, ...change })).toBe(expected);
});
