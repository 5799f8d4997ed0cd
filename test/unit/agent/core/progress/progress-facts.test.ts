/** What is told of a run beside its phase: whether it does anything, and whether somebody holds it still. */
import { expect, test } from "vitest";
import type { RunId } from "@remotegpu/shared/values/ids";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { withProgress, type ProgressFacts } from "@remotegpu/agent/core/progress/progress-facts";

const RUN = "run-1" as RunId;
const IDLE = { isIdle: true, processes: [{ name: "sh", state: "S", waitsIn: "do_wait", count: 1 }] };
const reported = (phase: ObservedInstance["phase"], facts: ProgressFacts) => {
  const instance = ObservedInstance.parse({
    instanceId: "job-1-0",
    placementEpoch: 1,
    runId: RUN,
    phase,
    detail: "",
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: null,
    bootId: "6f4c1e3a-8f0b-4b7e-9a31-d2f6c5a4e9b0",
  });
  return withProgress([instance, { ...instance, runId: "run-2" as RunId }], new Map([[RUN, facts]]));
};

test("one that is idle is reported with what it waits for, and no other run is", () => {
  const [rank, other] = reported("ready", { idleness: IDLE, isFrozen: false });

  expect(ObservedInstance.parse(rank)).toMatchObject({ idleness: IDLE });
  expect(rank).not.toHaveProperty("isFrozen");
  expect(other).not.toHaveProperty("idleness");
});

test("nothing is reported where nothing is known", () => {
  expect(reported("ready", { idleness: null, isFrozen: false })[0]).not.toHaveProperty("idleness");
});

test("one that is frozen is reported so also before it has begun", () => {
  expect(reported("starting", { idleness: null, isFrozen: true })[0]).toMatchObject({ isFrozen: true });
});

test("one that stops is reported as neither", () => {
  const [stopping] = reported("stopping", { idleness: IDLE, isFrozen: true });

  expect(stopping).not.toHaveProperty("idleness");
  expect(stopping).not.toHaveProperty("isFrozen");
});
