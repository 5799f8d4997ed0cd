/** What is done and said of a run whose gate is its probe. */
import { describe, expect, test } from "vitest";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Probed } from "@remotegpu/agent/core/probes/probe-state";
import { observedInstances } from "@remotegpu/agent/core/reconcile/lifecycle";
import { reconcile } from "@remotegpu/agent/core/reconcile/reconcile";
import { MAX_STARTS, STABLE_MS } from "@remotegpu/agent/core/runs/restart-policy";
import { recordAfter, type RunRecord } from "@remotegpu/agent/core/runs/run-record";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  at,
  containerOf,
  exited,
  key,
  LEFT_BEHIND,
  reconcileInput,
  recordOf,
  RUNNING,
  runId,
  STARTED_AT,
} from "../../../../support/samples/run-samples.ts";

const order = (rest: Partial<DesiredInstance> = {}) =>
  desiredOf("r", { gate: "probe" }, { ...key(), ...rest });
const container = containerOf(key(), RUNNING);
const shut = recordOf(key(), { gate: null });
const served = { startedAt: STARTED_AT, serving: "yes" } as const;
const unwell = { hasServed: true, detail: "It failed 5 probes in a row." };

const probed = (changes: Partial<Probed>): ReadonlyMap<RunId, Probed> =>
  new Map([
    [runId("run-1"), { startedAt: STARTED_AT, serving: "not-yet", got: null, unwell: null, ...changes }],
  ]);

function decide(
  record: RunRecord,
  changes: Partial<Probed>,
  { status = RUNNING, desired = order(), nowMs = 1_000_000 } = {},
) {
  const observed = [containerOf(key(), status)];
  const flags = { probed: probed(changes) };
  return reconcile(reconcileInput({ desired: [desired], observed, runs: [record], flags, now: at(nowMs) }));
}

describe("its gate", () => {
  test.each(["not-yet", "no"] as const)("stays shut while it does not serve: %s", (serving) => {
    expect(decide(shut, { serving }).map(({ kind }) => kind)).not.toContain("open-gate");
  });

  test("opens when it serves for the first time, which is written down", () => {
    expect(decide(shut, { serving: "yes" })).toMatchObject([
      { kind: "open-gate", pid: 4711 },
      { kind: "note-serving", served },
    ]);
  });

  test("opens also where the runtime has lost its container meanwhile", () => {
    const actions = decide(shut, { serving: "yes", startedAt: null }, { status: LEFT_BEHIND });

    expect(actions).toMatchObject([{ kind: "open-gate" }]);
  });

  test("opens for nothing that an earlier life of its container answered", () => {
    expect(decide(shut, { serving: "yes", startedAt: "2025-12-31T00:00:00Z" })).toEqual([]);
  });

  test("stays open while it fails, and only that is written down, once", () => {
    const record = recordOf(key(), { served });
    const [note, ...others] = decide(record, { serving: "no" });

    expect(note).toMatchObject({ kind: "note-serving", served: { ...served, serving: "no" } });
    expect(others).toEqual([]);
    const noted = note && recordAfter(record, note, at(0));
    expect(noted && decide(noted, { serving: "no" })).toEqual([]);
  });
});

describe("one that is unwell", () => {
  const record = recordOf(key(), { served });

  test("is ended with the grace of its order, and the reason is written down before", () => {
    const [action, ...others] = decide(record, { serving: "no", unwell });

    expect(action).toEqual({
      kind: "end-unwell",
      ...key(),
      containerId: container.containerId,
      unwell,
      graceSeconds: 5,
    });
    expect(others).toEqual([]);
    expect(action && recordAfter(record, action, at(0))).toEqual({ ...record, unwell });
  });

  test("is ended to the end by the next life of the agent, which has probed nothing yet", () => {
    expect(decide({ ...record, unwell }, {})).toMatchObject([{ kind: "end-unwell", unwell }]);
  });

  test("is started again within its run once it has ended, and the reason is over with that", () => {
    const [action] = decide({ ...record, unwell }, {}, { status: exited(143) });

    expect(action).toMatchObject({ kind: "restart", attempt: 1, ended: { exitCode: 143 } });
    const again = action && recordAfter({ ...record, unwell }, action, at(5));
    expect(again).toMatchObject({ starts: 1 });
    expect(again).not.toHaveProperty("unwell");
  });

  test("that had never served counts on, however long its container was up", () => {
    const never = { ...shut, unwell: { ...unwell, hasServed: false } };
    const restart = (attempt: number) => [{ kind: "restart", attempt }];
    const late = { status: exited(143), nowMs: STABLE_MS };

    expect(decide(never, {}, late)).toMatchObject(restart(2));
    expect(decide({ ...record, unwell }, {}, late)).toMatchObject(restart(1));
  });

  test("is given up after the last start, for what its probe got", () => {
    const last = { ...shut, starts: MAX_STARTS, unwell: { ...unwell, hasServed: false } };

    const [close] = decide(last, {}, { status: exited(137), nowMs: STABLE_MS });

    expect(close).toMatchObject({
      kind: "close-run",
      end: {
        phase: "failed",
        problem: "probe-failed",
        exitCode: 137,
        detail: `Given up after ${MAX_STARTS} starts. It failed 5 probes in a row.`,
      },
    });
  });

  test("ends its run as failed where its container is not started again", () => {
    const desired = desiredOf("r", { gate: "probe", restarts: "never" }, key());

    expect(decide({ ...record, unwell }, {}, { status: exited(143), desired })).toMatchObject([
      { kind: "close-run", end: { phase: "failed", problem: "probe-failed", detail: unwell.detail } },
      { kind: "keep-remains" },
    ]);
  });

  test("and ordered to stop is stopped, and not started again", () => {
    const desired = order({ want: "stopped", orderedBy: "customer" });

    expect(decide({ ...record, unwell }, { unwell }, { desired })).toMatchObject([{ kind: "stop" }]);
  });
});

describe("what is reported", () => {
  const output = (record: RunRecord, notEnding: ReadonlyMap<RunId, string> = new Map()) => {
    const { flags, ...input } = reconcileInput({ desired: [order()], observed: [container], runs: [record] });
    return observedInstances({
      ...input,
      ...flags,
      waits: new Map(),
      notEnding,
      disagreements: new Map(),
    })[0];
  };

  test("before it serves it is starting, and probed", () => {
    expect(output(shut)).toMatchObject({
      phase: "starting",
      detail: "Its container runs and is asked whether it serves.",
      gateOpenedMs: null,
    });
  });

  test("one that is unwell is reported with the reason", () => {
    expect(output(recordOf(key(), { unwell }))).toMatchObject({
      phase: "ready",
      detail: "It failed 5 probes in a row. Its container is started again.",
    });
    expect(output({ ...shut, unwell })).toMatchObject({ phase: "starting" });
  });

  test("one that is unwell and cannot be ended is somebody's to check", () => {
    const stuck = new Map([[runId("run-1"), "It was killed and is still there."]]);

    expect(output(recordOf(key(), { unwell }), stuck)).toMatchObject({ problem: "not-ending" });
  });
});
