/** What one tick of an upgrade's shadow finds, case by case. */
import { describe, expect, test } from "vitest";
import type { LeaseId } from "@remotegpu/shared/values/ids";
import { worded } from "@remotegpu/shared/reasons/host-reports/statement";
import type { Action, StopCause } from "@remotegpu/agent/core/runs/action";
import type { UsageInterval } from "@remotegpu/agent/core/metering/usage-interval";
import { reconcile } from "@remotegpu/agent/core/reconcile/reconcile";
import type { AgentHealth } from "@remotegpu/agent/core/upgrade/health";
import { agrees, shadowTick, type ShadowInput } from "@remotegpu/agent/core/upgrade/shadow-tick";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { heldLease, wantedLease } from "../../../../support/samples/lease-samples.ts";
import {
  BOOT,
  containerOf,
  exited,
  HASH,
  key,
  OTHER_BOOT,
  reconcileInput,
  recordOf,
} from "../../../../support/samples/run-samples.ts";

const container = containerOf(key());
const record = recordOf(key());
const wanted = desiredOf("x", {}, { ...key(), specHash: HASH });
const interval: UsageInterval = {
  runId: key().runId,
  bootId: BOOT,
  pid: 4711,
  startTicks: 500,
  startMs: 100,
  endMs: 900,
  wallEndMs: 0,
  isOpen: true,
};
const instance = {
  instanceId: key().instanceId,
  runId: key().runId,
  pid: 4711,
  startTicks: 500,
  state: "running" as const,
};
const health: AgentHealth = {
  version: "0.1.0",
  pid: 1,
  bootId: BOOT,
  agentEpoch: 1,
  startedMs: 0,
  readyMs: 0,
  writtenMs: 0,
  heartbeats: 3,
  controlPlane: "connected",
  ticks: 3,
  lastTickMs: 0,
  instances: [instance],
  unorderedEnds: 0,
};

function input({
  knowledge = {},
  ...changes
}: Partial<Omit<ShadowInput, "knowledge">> & {
  knowledge?: Parameters<typeof reconcileInput>[0];
} = {}): ShadowInput {
  const known = reconcileInput({ desired: [wanted], observed: [container], runs: [record], ...knowledge });
  return {
    knowledge: known,
    plan: reconcile(known),
    bootId: BOOT,
    intervals: new Map([[key().runId, interval]]),
    orderedLeases: [wantedLease("a")],
    leases: [heldLease("a", 20_001)],
    unreadable: [],
    health,
    startTicks: new Map([[4711, 500]]),
    ...changes,
  };
}

const differencesOf = (changes: Parameters<typeof input>[0]) =>
  shadowTick(input(changes)).differences.map(({ difference, subject }) => `${difference} ${subject}`);

test("a host on which nothing changes is seen as the running agent sees it, and nothing would be done", () => {
  const tick = shadowTick(input());

  expect(tick).toEqual({
    instances: [instance],
    leases: [{ leaseId: "a", externalPort: 20_001, state: "held" }],
    openIntervals: [{ runId: "run-1", pid: 4711, startTicks: 500, startMs: 100, endMs: 900 }],
    differences: [],
    plan: [],
    inventedEnds: 0,
  });
  expect(agrees(tick)).toBe(true);
});

test("an end that is called ordered and is not is told from one that the running agent may be about", () => {
  const stop = (cause: StopCause): Action => ({
    ...key(),
    kind: "stop",
    containerId: container.containerId,
    orderedBy: "customer",
    cause,
    graceSeconds: 10,
    isGraceOrdered: false,
    ...worded({ code: "run-removed-unrequested", params: {} }),
  });
  const inventedBy = (cause: StopCause) => shadowTick(input({ plan: [stop(cause)] })).inventedEnds;

  expect([inventedBy("ordered"), inventedBy("superseded")]).toEqual([1, 1]);
  expect([inventedBy("no-contact"), inventedBy("orphaned"), inventedBy("gpu-failed")]).toEqual([0, 0, 0]);
  const ordered = shadowTick(input({ knowledge: { desired: [{ ...wanted, want: "stopped" }] } }));
  expect([ordered.plan.length, ordered.inventedEnds]).toEqual([1, 0]);
});

test("what would be done is named without the order behind it", () => {
  const removed = shadowTick(input({ knowledge: { desired: [{ ...wanted, want: "stopped" }] } }));
  const begun = shadowTick(
    input({ knowledge: { observed: [], runs: [] }, intervals: new Map(), health: null }),
  );

  expect(removed.plan).toEqual([{ kind: "stop", instanceId: "env-1", runId: "run-1", cause: "ordered" }]);
  expect(begun.plan).toEqual([{ kind: "start", instanceId: "env-1", runId: "run-1", cause: null }]);
  expect([agrees(removed), agrees(begun)]).toEqual([false, false]);
});

describe("it differs where", () => {
  test.each<[string, Parameters<typeof input>[0], string[]]>([
    [
      "the running agent sees another process of it",
      { health: { ...health, instances: [{ ...instance, startTicks: 501 }] } },
      ["instance-differs run-1"],
    ],
    [
      "the running agent does not see it",
      { health: { ...health, instances: [] } },
      ["instance-differs run-1"],
    ],
    [
      "the running agent sees one more",
      {
        health: {
          ...health,
          instances: [instance, { ...instance, runId: key({ run: "run-2" }).runId, state: "exited" }],
        },
      },
      ["instance-differs run-2"],
    ],
    ["an entry cannot be read", { unreadable: ["runs run-9"] }, ["entry-unreadable runs run-9"]],
    [
      "nobody wrote its run down",
      { knowledge: { runs: [] }, intervals: new Map() },
      ["container-without-record run-1"],
    ],
    [
      "its container is gone",
      { knowledge: { observed: [] }, intervals: new Map(), health: null },
      ["record-without-container run-1"],
    ],
    ["an ordered lease is not held", { leases: [] }, ["lease-unknown a"]],
    ["its process has ended", { startTicks: new Map(), health: null }, ["interval-without-process run-1"]],
    [
      "its number is another process's by now",
      { startTicks: new Map([[4711, 501]]), health: null },
      ["interval-without-process run-1"],
    ],
    [
      "its open time is of another boot",
      { intervals: new Map([[key().runId, { ...interval, bootId: OTHER_BOOT }]]) },
      ["interval-without-process run-1"],
    ],
    ["it runs and is not metered", { intervals: new Map() }, ["run-not-metered run-1"]],
    [
      "its time was closed",
      { intervals: new Map([[key().runId, { ...interval, isOpen: false }]]) },
      ["run-not-metered run-1"],
    ],
  ])("%s", (_what, changes, differences) => {
    expect(differencesOf(changes)).toEqual(differences);
    expect(agrees(shadowTick(input(changes)))).toBe(false);
  });
});

describe("it does not differ where", () => {
  test.each<[string, Parameters<typeof input>[0]]>([
    ["the running agent is of before and says nothing of what it sees", { health: null }],
    [
      "a lease is to be released and is not held any more",
      { orderedLeases: [{ ...wantedLease("b"), want: "released" as const }] },
    ],
    ["a lease is held that nobody orders any more", { orderedLeases: [] as { leaseId: LeaseId }[] as never }],
    [
      "its gate is shut, so that nothing is metered",
      {
        knowledge: {
          desired: [desiredOf("x", { gate: "released" }, key())],
          runs: [recordOf(key(), { gate: null })],
        },
        intervals: new Map(),
      },
    ],
    [
      "it has ended",
      {
        knowledge: {
          observed: [containerOf(key(), exited(0))],
          runs: [
            recordOf(key(), {
              end: { phase: "stopped", problem: null, detail: "", exitCode: 0, orderedBy: null },
            }),
          ],
        },
        intervals: new Map(),
        health: {
          ...health,
          instances: [{ ...instance, pid: null, startTicks: null, state: "exited" as const }],
        },
      },
    ],
  ])("%s", (_what, changes) => {
    expect(differencesOf(changes)).toEqual([]);
  });
});
