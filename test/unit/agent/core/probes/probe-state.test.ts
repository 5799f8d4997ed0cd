/** When a replica serves, when it does no more, and when its container is started again. */
import { describe, expect, test } from "vitest";
import { reasonOf } from "@remotegpu/shared/reasons/host-reports/statement";
import type { Probe } from "@remotegpu/shared/instance/probe";
import type { Answer } from "@remotegpu/agent/core/probes/probe-answer";
import {
  backoffMs,
  stateAfter,
  stateAtFirst,
  unwellOf,
  type ProbeState,
  type Serving,
} from "@remotegpu/agent/core/probes/probe-state";
import {
  exited,
  key,
  LEFT_BEHIND,
  recordOf,
  RUNNING,
  STARTED_AT,
} from "../../../../support/samples/run-samples.ts";

const PROBE: Probe = {
  path: "/health",
  port: 8000,
  intervalSeconds: 30,
  thresholds: { success: 1, failure: 2 },
};
const NEW: ProbeState = { serving: "not-yet", passes: 0, failures: 0, got: null };
const pass: Answer = { kind: "passed" };
const fail: Answer = { kind: "failed", got: "GET /health answered 503" };
const gone: Answer = { kind: "gone" };
const unknown: Answer = { kind: "unknown" };

const after = (answers: Answer[], thresholds: Partial<Probe["thresholds"]> = {}, from = NEW) =>
  answers.reduce((state, answer) => stateAfter(state, answer, { ...PROBE.thresholds, ...thresholds }), from);

test.each<[string, Answer[], Partial<Probe["thresholds"]>, Serving]>([
  ["that has not answered", [], {}, "not-yet"],
  ["that only fails", [fail, fail, fail], {}, "not-yet"],
  ["that passes once", [fail, pass], {}, "yes"],
  ["short of passes in a row", [pass, pass, fail, pass, pass], { success: 3 }, "not-yet"],
  ["with enough passes in a row", [pass, fail, pass, pass, pass], { success: 3 }, "yes"],
  ["that fails once", [pass, fail], {}, "yes"],
  ["that fails now and then", [pass, fail, pass, fail], {}, "yes"],
  ["that fails twice in a row", [pass, fail, fail], {}, "no"],
  ["that fails, and passes again", [pass, fail, fail, pass], {}, "yes"],
  ["that nobody could ask", [pass, unknown, unknown, unknown], {}, "yes"],
  ["that fails, beside what nobody could ask", [pass, fail, unknown, fail], {}, "no"],
  ["that has ended", [pass, gone], {}, "no"],
  ["that ended before it served", [gone], {}, "not-yet"],
])("one %s", (_what, answers, thresholds, serving) => {
  expect(after(answers, thresholds).serving).toBe(serving);
});

test("it is probed twice a second until it serves, and by its interval from then on", () => {
  expect(backoffMs(after([fail]), PROBE)).toBe(500);
  expect(backoffMs(after([unknown]), PROBE)).toBe(500);
  expect(backoffMs(after([pass]), PROBE)).toBe(30_000);
  expect(backoffMs(after([pass, fail, fail]), PROBE)).toBe(30_000);
});

describe("its container is started again", () => {
  const fails = (count: number) => [pass, ...Array.from({ length: count }, () => fail)];

  test("after five failures in a row, or as many as its order sets", () => {
    expect(unwellOf(after(fails(4)), PROBE, 0)).toBeNull();
    expect(unwellOf(after(fails(5)), PROBE, 0)).toEqual({
      hasServed: true,
      detail: "It failed 5 probes in a row, the last one like this: GET /health answered 503.",
      reason: { code: "probes-failed", params: { failures: 5, got: reasonOf("GET /health answered 503") } },
    });
    const hasty = { ...PROBE, thresholds: { ...PROBE.thresholds, restart: 3 } };
    expect(unwellOf(after(fails(3)), hasty, 0)).not.toBeNull();
  });

  test("and not for failures before it served, until its time for that is over", () => {
    const state = after([fail, fail, fail, fail, fail, fail]);

    expect(unwellOf(state, PROBE, 599_999)).toBeNull();
    expect(unwellOf(state, PROBE, 600_000)).toEqual({
      hasServed: false,
      detail: "It did not serve within 600 seconds of its start: GET /health answered 503.",
      reason: {
        code: "probe-never-passed",
        params: { seconds: 600, got: reasonOf("GET /health answered 503") },
      },
    });
    expect(unwellOf(state, { ...PROBE, startupSeconds: 20 }, 20_000)).not.toBeNull();
  });

  test("never for what this host could not probe, and not once it serves again", () => {
    expect(unwellOf(after([unknown, unknown]), PROBE, 700_000)).toBeNull();
    expect(unwellOf(after([...fails(5), pass]), PROBE, 700_000)).toBeNull();
  });
});

describe("a new life of the agent", () => {
  const startedAt = STARTED_AT;

  test.each(["yes", "no"] as const)("goes on from what the last one wrote down: %s", (serving) => {
    const record = recordOf(key(), { served: { startedAt, serving } });

    expect(stateAtFirst(record, RUNNING)).toEqual({ ...NEW, serving });
    expect(stateAtFirst(record, LEFT_BEHIND)).toEqual({ ...NEW, serving });
  });

  test("probes anew where the container was started again meanwhile, or never served", () => {
    const served = { startedAt: "2025-12-31T00:00:00Z", serving: "yes" } as const;

    expect(stateAtFirst(recordOf(key(), { served }), RUNNING)).toEqual(NEW);
    expect(stateAtFirst(recordOf(key()), RUNNING)).toEqual(NEW);
    expect(stateAtFirst(recordOf(key()), exited(0))).toEqual(NEW);
  });
});
