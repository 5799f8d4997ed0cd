/** What is told of whether a replica serves. */
import { expect, test } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { Probed } from "@remotegpu/agent/core/probes/probe-state";
import { withServing } from "@remotegpu/agent/core/probes/serving-facts";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { BOOT, key, recordOf, runId } from "../../../../support/samples/run-samples.ts";

const probe = { path: "/", port: 80, intervalSeconds: 1, thresholds: { success: 1, failure: 2 } };
const order = (live: Partial<DesiredInstance["live"]> = { probe }): DesiredInstance => {
  const desired = desiredOf("r", { gate: "probe" }, key());
  return { ...desired, live: { ...desired.live, ...live } };
};

function reported(
  phase: ObservedInstance["phase"],
  {
    probed = null,
    record = recordOf(key()),
    desired = order(),
  }: { probed?: Partial<Probed> | null; record?: RunRecord; desired?: DesiredInstance } = {},
) {
  const instance = ObservedInstance.parse({
    ...key(),
    phase,
    detail: "It runs.",
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: null,
    bootId: BOOT,
  });
  const known: Probed = { serving: "not-yet", got: null, startedAt: null, unwell: null, ...probed };
  const [one] = withServing([instance], {
    desired: [desired],
    runs: [record],
    probed: probed === null ? new Map() : new Map([[runId("run-1"), known]]),
  });
  return { serving: one?.serving, detail: one?.detail };
}

test("of one that serves, that alone", () => {
  expect(reported("ready", { probed: { serving: "yes" } })).toEqual({ serving: "yes", detail: "It runs." });
  const wavering = { serving: "yes", got: "GET / answered 503" } as const;
  expect(reported("ready", { probed: wavering })).toEqual({ serving: "yes", detail: "It runs." });
});

test("of one that does not, what its probe got", () => {
  expect(reported("ready", { probed: { serving: "no", got: "GET / answered 503" } })).toEqual({
    serving: "no",
    detail: "It runs. Its probe fails: GET / answered 503.",
  });
  expect(reported("starting", { probed: { got: "nobody listens on port 80" } })).toEqual({
    serving: "not-yet",
    detail: "It runs. Its probe fails: nobody listens on port 80.",
  });
});

test("one that is ordered to stop does not serve from that moment on, whatever it answers", () => {
  expect(reported("stopping", { probed: { serving: "yes" } })).toEqual({ serving: "no", detail: "It runs." });
});

test("one whose container is started again does not serve yet, though it did", () => {
  const record = recordOf(key(), { served: { startedAt: "then", serving: "yes" } });

  expect(reported("starting", { record })).toMatchObject({ serving: "not-yet" });
});

test.each(["yes", "no"] as const)("one that nobody has probed since is as it was: %s", (serving) => {
  const record = recordOf(key(), { served: { startedAt: "then", serving } });

  expect(reported("ready", { record })).toMatchObject({ serving });
});

test("one that is ended to be started again does not serve, whatever was written down of it", () => {
  const unwell = { hasServed: true, detail: "It failed its probes." };
  const record = recordOf(key(), { served: { startedAt: "then", serving: "yes" } });

  expect(reported("ready", { record: { ...record, unwell } })).toMatchObject({ serving: "no" });
  expect(reported("ready", { record, probed: { serving: "no", unwell } })).toMatchObject({ serving: "no" });
});

test.each(["stopped", "failed"] as const)("of one that has %s, nothing", (phase) => {
  expect(reported(phase)).toMatchObject({ serving: undefined });
});

test("of one without a probe, nothing", () => {
  expect(reported("ready", { desired: order({}) })).toMatchObject({ serving: undefined });
});
