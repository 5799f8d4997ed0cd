/** When a run starts again, and when it is given up. */
import { describe, expect, test } from "vitest";
import {
  delayBefore,
  exitedBy,
  MAX_STARTS,
  nextStart,
  restartsOf,
  STABLE_MS,
} from "@remotegpu/agent/core/runs/restart-policy";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import type { Container } from "@remotegpu/agent/core/container/container";
import {
  OTHER_BOOT,
  at,
  containerOf,
  exited,
  key,
  recordOf,
} from "../../../../support/samples/run-samples.ts";

const dead = containerOf(key(), exited(3));
const next = (
  record: RunRecord | null,
  nowMs: number,
  container: Container | null = dead,
  kind: "environment" | "training" | "inference" = "environment",
) => nextStart({ restarts: restartsOf({ kind }), record, container }, at(nowMs));

test("a run without a record, or without a start, starts at once", () => {
  expect(next(null, 0, null)).toEqual({ kind: "start", attempt: 1 });
  expect(next(recordOf(key(), { starts: 0, containerId: null }), 0, null)).toEqual({
    kind: "start",
    attempt: 1,
  });
});

test("waits grow fourfold from a second to a minute", () => {
  expect([2, 3, 4, 5, 6, 60].map(delayBefore)).toEqual([1_000, 4_000, 16_000, 60_000, 60_000, 60_000]);
});

describe("a container that died", () => {
  test.each([
    [1, 999, "wait"],
    [1, 1_000, "start"],
    [2, 3_999, "wait"],
    [2, 4_000, "start"],
    [5, 59_999, "wait"],
    [5, 60_000, "start"],
  ])("after %i starts in a row and %i ms: %s", (starts, nowMs, kind) => {
    expect(next(recordOf(key(), { starts }), nowMs)).toMatchObject({ kind, attempt: starts + 1 });
  });

  test("the wait ends when its time has come", () => {
    expect(next(recordOf(key(), { lastStart: at(500) }), 900)).toMatchObject({ untilMs: 1_500 });
  });

  test("is given up after the last start", () => {
    expect(next(recordOf(key(), { starts: MAX_STARTS }), 70_000)).toEqual({
      kind: "give-up",
      end: {
        phase: "failed",
        problem: "exited",
        detail: "Given up after 6 starts. The container ended by itself with exit code 3.",
        reason: {
          code: "in-sequence",
          params: {
            reasons: [
              { code: "container-restarts-exhausted", params: { most: MAX_STARTS } },
              { code: "container-exited", params: { exit_code: 3 } },
            ],
          },
        },
        exitCode: 3,
        orderedBy: null,
      },
    });
  });

  test("begins a new row when it ran long enough, or when the host rebooted", () => {
    const last = recordOf(key(), { starts: MAX_STARTS });

    expect(next(last, STABLE_MS)).toEqual({ kind: "start", attempt: 1 });
    expect(next(last, STABLE_MS - 1)).toMatchObject({ kind: "give-up" });
    expect(next({ ...last, lastStart: at(0, OTHER_BOOT) }, 5)).toEqual({ kind: "start", attempt: 1 });
    expect(next({ ...last, lastStart: null }, 5)).toEqual({ kind: "start", attempt: 1 });
  });

  test("that ended well is failed all the same once it is given up", () => {
    expect(
      next(recordOf(key(), { starts: MAX_STARTS }), 70_000, containerOf(key(), exited(0))),
    ).toMatchObject({
      end: { phase: "failed", exitCode: 0 },
    });
  });
});

describe("a start that did not succeed", () => {
  test.each(["image-missing", "mount-missing", "gpu-missing"] as const)(
    "for %s is not repeated",
    (problem) => {
      const record = recordOf(key(), {
        trouble: { problem, detail: "not here" },
        containerId: null,
        gate: null,
      });

      expect(next(record, 1e9, null)).toEqual({
        kind: "give-up",
        end: { phase: "failed", problem, detail: "not here", exitCode: null, orderedBy: null },
      });
    },
  );

  test("for a folder that a run had before is repeated like any other", () => {
    const record = recordOf(key(), { trouble: { problem: "mount-missing", detail: "not here" } });

    expect(next(record, 999)).toMatchObject({ kind: "wait" });
    expect(next(record, 1_000)).toEqual({ kind: "start", attempt: 2 });
    expect(next({ ...record, starts: MAX_STARTS }, 1e9)).toMatchObject({
      kind: "give-up",
      end: { problem: "mount-missing" },
    });
  });

  test("for the runtime's sake is repeated, and given up with the runtime's words", () => {
    const trouble = { problem: "runtime-error", detail: "no space left" } as const;
    const record = recordOf(key(), { trouble, containerId: null });

    expect(next(record, 1_000, null)).toEqual({ kind: "start", attempt: 2 });
    expect(next({ ...record, starts: MAX_STARTS }, 1e9, null)).toMatchObject({
      kind: "give-up",
      end: { problem: "runtime-error", detail: "Given up after 6 starts. no space left" },
    });
  });

  test("has no stable stretch, however long ago it was", () => {
    const trouble = { problem: "runtime-error", detail: "no" } as const;

    expect(next(recordOf(key(), { trouble, starts: 3 }), STABLE_MS * 2, null)).toEqual({
      kind: "start",
      attempt: 4,
    });
  });

  test("a container that was made and never ran counts as one", () => {
    const made = containerOf(key(), { state: "created" });

    expect(next(recordOf(key()), 1_000, made)).toEqual({ kind: "start", attempt: 2 });
    expect(next(recordOf(key(), { starts: MAX_STARTS }), 70_000, made)).toMatchObject({
      end: { problem: "runtime-error" },
    });
  });
});

test("a container that somebody removed is made anew, and named lost when given up", () => {
  expect(next(recordOf(key()), 1_000, null)).toEqual({ kind: "start", attempt: 2 });
  expect(next(recordOf(key(), { starts: MAX_STARTS }), 70_000, null)).toMatchObject({
    end: { phase: "failed", problem: "container-lost" },
  });
});

describe("a rank of a training job", () => {
  test("is never started again by the agent", () => {
    expect(next(recordOf(key()), 1e6, dead, "training")).toMatchObject({
      kind: "give-up",
      end: { phase: "failed", exitCode: 3 },
    });
    expect(next(recordOf(key()), 1e6, null, "training")).toMatchObject({
      end: { problem: "container-lost" },
    });
  });

  test("that ended well is stopped", () => {
    expect(next(recordOf(key()), 1e6, containerOf(key(), exited(0)), "training")).toMatchObject({
      kind: "give-up",
      end: { phase: "stopped", exitCode: 0 },
    });
  });

  test("whose start the runtime refused is tried again like any other", () => {
    const trouble = { problem: "runtime-error", detail: "no" } as const;

    expect(next(recordOf(key(), { trouble, containerId: null }), 1_000, null, "training")).toEqual({
      kind: "start",
      attempt: 2,
    });
  });
});

describe("a run that is never started again", () => {
  const never = (
    record: RunRecord,
    container: Container | null,
    nowMs = 1_000,
  ): ReturnType<typeof nextStart> => nextStart({ restarts: "never", record, container }, at(nowMs));

  test("is ordered so, or is of training where nothing is specified", () => {
    expect(restartsOf({ kind: "environment", restarts: "never" })).toBe("never");
    expect(restartsOf({ kind: "training", restarts: "within-run" })).toBe("within-run");
    expect(restartsOf({ kind: "training" })).toBe("never");
    expect(restartsOf({ kind: "inference" })).toBe("within-run");
  });

  test.each([
    [exited(0), { phase: "stopped", problem: "exited", exitCode: 0 }],
    [exited(3), { phase: "failed", problem: "exited", exitCode: 3 }],
    [exited(137, true), { phase: "failed", problem: "out-of-memory", exitCode: 137 }],
  ])("ends as its container ended: %j", (status, end) => {
    expect(never(recordOf(key()), containerOf(key(), status))).toMatchObject({ kind: "give-up", end });
    // Taken over by an agent that did not see its start.
    const adopted = recordOf(key(), { lastStart: null });
    expect(never(adopted, containerOf(key(), status))).toMatchObject({ kind: "give-up", end });
  });

  test("ends so though the runtime never answered its start", () => {
    const record = recordOf(key(), { trouble: { problem: "runtime-down", detail: "too late" } });

    expect(never(record, dead)).toMatchObject({ kind: "give-up", end: { problem: "exited", exitCode: 3 } });
  });

  test.each<[string, Container | null, number | null]>([
    ["with an exit code that no program said", containerOf(key(), exited(0)), 0],
    ["without a container", null, null],
  ])("ends with a problem where its host was started anew, %s", (_what, container, exitCode) => {
    const before = recordOf(key(), { lastStart: at(0, OTHER_BOOT), gate: at(1, OTHER_BOOT) });

    expect(never(before, container)).toEqual({
      kind: "give-up",
      end: {
        phase: "failed",
        problem: "container-lost",
        detail: "Its host was started anew before its end was seen; it is not started again within this run.",
        reason: { code: "container-down-with-host", params: {} },
        exitCode,
        orderedBy: null,
      },
    });
    expect(never({ ...before, lastStart: null }, container)).toMatchObject({
      end: { problem: "container-lost" },
    });
  });

  test("begins once all the same, also after a start that never came to life", () => {
    const begun = recordOf(key(), { containerId: null, gate: null, lastStart: at(0, OTHER_BOOT) });
    const made = containerOf(key(), { state: "created" });

    expect(never(recordOf(key(), { starts: 0, containerId: null }), null)).toMatchObject({ kind: "start" });
    expect(never(begun, null)).toMatchObject({ kind: "start" });
    expect(never(recordOf(key()), made)).toEqual({ kind: "start", attempt: 2 });
  });
});

test("an inference replica starts again like an environment", () => {
  expect(next(recordOf(key()), 1_000, dead, "inference")).toEqual({ kind: "start", attempt: 2 });
});

test("an exit by lack of memory is named so, whatever its code", () => {
  expect(exitedBy({ exitCode: 137, outOfMemory: true })).toMatchObject({
    problem: "out-of-memory",
    exitCode: 137,
  });
  expect(exitedBy({ exitCode: 137, outOfMemory: false })).toMatchObject({ problem: "exited", exitCode: 137 });
});
