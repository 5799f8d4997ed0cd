/** Which starts bring a container back that had ended, and that each end counts once. */
import { endBeforeStart, restartsAfter } from "@remotegpu/agent/core/runs/run-restarts";
import { expect, test } from "vitest";
import { containerOf, exited, key, recordOf } from "../../../../support/samples/run-samples.ts";

const record = recordOf(key());
const FINISHED = "2026-01-01T00:01:00Z";
const KILLED = { exitCode: 137, outOfMemory: false, signal: "SIGKILL", finishedAt: FINISHED };
const GONE = { exitCode: null, outOfMemory: false, signal: null, finishedAt: null };

test.each([
  ["by itself", exited(1), { ...KILLED, exitCode: 1, signal: null }],
  ["by a signal", exited(137), KILLED],
  ["for its memory", exited(137, true), { ...KILLED, outOfMemory: true }],
  ["never: it was made and not started", { state: "created" } as const, null],
])("a container that ended %s", (_how, status, expected) => {
  expect(endBeforeStart(record, containerOf(key(), status))).toEqual(expected);
});

test("a container that is gone has ended, one that was never made has not", () => {
  expect(endBeforeStart(record, null)).toEqual(GONE);
  expect(endBeforeStart({ ...record, containerId: null }, null)).toBeNull();
  expect(endBeforeStart({ ...record, starts: 0 }, null)).toBeNull();
  expect(endBeforeStart(null, null)).toBeNull();
});

test("a start that did not succeed was reported with its trouble", () => {
  const trouble = { problem: "runtime-error", detail: "no" } as const;

  expect(endBeforeStart({ ...record, trouble }, containerOf(key(), exited(127)))).toBeNull();
});

test("each end is counted once, however often its start is decided", () => {
  const once = restartsAfter(null, KILLED);
  const later = { ...KILLED, exitCode: 1, signal: null, finishedAt: "2026-01-01T00:02:00Z" };

  expect(once).toEqual({ count: 1, last: KILLED });
  expect(restartsAfter(once, KILLED)).toEqual(once);
  expect(restartsAfter(once, later)).toEqual({ count: 2, last: later });
});

test("containers that are gone have no moment, and count each", () => {
  expect(restartsAfter(restartsAfter(null, GONE), GONE)).toEqual({ count: 2, last: GONE });
});
