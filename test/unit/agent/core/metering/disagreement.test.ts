/** When runtime and kernel disagree about a run, and from when on that is told. */
import { expect, test } from "vitest";
import {
  disagreement,
  disagreementSince,
  isEndUntold,
  lastingDisagreements,
} from "@remotegpu/agent/core/metering/disagreement";
import { LEFT_BEHIND, RUNNING, exited, runId } from "../../../../support/samples/run-samples.ts";

test.each([
  { what: "both say that it runs", status: RUNNING, alive: [7], hasProcess: true, is: null },
  { what: "it ended", status: exited(0), alive: [], hasProcess: false, is: null },
  { what: "the runtime is silent", status: null, alive: [], hasProcess: false, is: null },
  { what: "the runtime lost it", status: LEFT_BEHIND, alive: [7], hasProcess: false, is: "left-behind" },
  { what: "its group was left", status: RUNNING, alive: [], hasProcess: true, is: "moved" },
  { what: "nothing of it is there", status: RUNNING, alive: [], hasProcess: false, is: "nothing-there" },
  { what: "its first process is gone", status: RUNNING, alive: [8], hasProcess: false, is: null },
])("$what", ({ status, alive, hasProcess, is }) => {
  expect(disagreement({ status, alive, hasProcess })).toBe(is);
});

test("it is reported once it has lasted for thirty seconds", () => {
  const seen = new Map([[runId("run-1"), { kind: "left-behind", sinceMs: 1_000 } as const]]);

  expect(lastingDisagreements(seen, 30_999).size).toBe(0);
  expect([...lastingDisagreements(seen, 31_000).keys()]).toEqual(["run-1"]);
});

test("it lasts since it was first seen, and another kind begins anew", () => {
  const before = { kind: "moved", sinceMs: 1_000 } as const;

  expect(disagreementSince("moved", before, 5_000)).toBe(before);
  expect(disagreementSince("left-behind", before, 5_000)).toEqual({ kind: "left-behind", sinceMs: 5_000 });
  expect(disagreementSince("moved", undefined, 5_000)).toEqual({ kind: "moved", sinceMs: 5_000 });
  expect(disagreementSince(null, before, 5_000)).toBeNull();
});

test("the runtime's word for an end is waited for, and not for longer than it goes unreported", () => {
  const ended = { kind: "nothing-there", sinceMs: 1_000 } as const;

  expect(isEndUntold(ended, 30_999)).toBe(true);
  expect(isEndUntold(ended, 31_000)).toBe(false);
  expect(isEndUntold({ kind: "moved", sinceMs: 1_000 }, 1_000)).toBe(false);
  expect(isEndUntold(null, 1_000)).toBe(false);
  expect(isEndUntold("late", 1_000)).toBe(true);
});
