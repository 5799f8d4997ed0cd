/** When a run has been starting or stopping for too long. */
import { describe, expect, test } from "vitest";
import {
  DEADLINES_MS,
  isOverdue,
  overdueText,
  transitionsAfter,
} from "@remotegpu/agent/core/reconcile/transitions";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { BOOT, key, runId } from "../../../../support/samples/run-samples.ts";

function seen(phase: ObservedInstance["phase"], run = "run-1"): ObservedInstance {
  return ObservedInstance.parse({
    ...key({ run }),
    phase,
    detail: "It waits.",
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: null,
    bootId: BOOT,
  });
}

test("a transition lasts from when it was first seen, and a rest ends it", () => {
  const first = transitionsAfter(new Map(), [seen("starting"), seen("ready", "run-2")], 100);
  const second = transitionsAfter(first, [seen("starting")], 900);

  expect([...second]).toEqual([[runId("run-1"), { phase: "starting", sinceMs: 100 }]]);
  expect(transitionsAfter(second, [seen("ready")], 950)).toEqual(new Map());
});

test("another phase is another transition", () => {
  const starting = transitionsAfter(new Map(), [seen("starting")], 100);

  expect(transitionsAfter(starting, [seen("stopping")], 900).get(runId("run-1"))).toEqual({
    phase: "stopping",
    sinceMs: 900,
  });
});

test("the longest sentence still fits into a report", () => {
  const { detail } = overdueText({ detail: "x".repeat(2_000) }, { phase: "starting", sinceMs: 0 });

  expect(ObservedInstance.shape.detail.safeParse(detail).success).toBe(true);
});

describe.each(["starting", "stopping"] as const)("%s", (phase) => {
  test.each([
    ["a millisecond before its deadline is not", DEADLINES_MS[phase] - 1, false],
    ["at its deadline is", DEADLINES_MS[phase], true],
  ])("%s overdue", (_when, lastedMs, isLate) => {
    expect(isOverdue({ phase, sinceMs: 50 }, 50 + lastedMs)).toBe(isLate);
  });

  test("reports for how long, and no more than that", () => {
    const { detail: sentence } = overdueText({ detail: "It waits." }, { phase, sinceMs: 0 });

    expect(sentence).toBe(
      `It waits. It has been ${phase} for more than ${DEADLINES_MS[phase] / 60_000} minutes.`,
    );
  });
});
