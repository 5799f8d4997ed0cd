/** Orders beyond this agent: found out, never begun, and followed where they only end something. */
import { describe, expect, test } from "vitest";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { observedInstances } from "@remotegpu/agent/core/reconcile/lifecycle";
import { reconcile } from "@remotegpu/agent/core/reconcile/reconcile";
import { isUnsettled } from "@remotegpu/agent/core/runs/run-view";
import { agentFeatures, sortedOrders, type UnservedOrder } from "@remotegpu/agent/core/runs/unserved-order";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  LEFT_BEHIND,
  at,
  containerOf,
  exited,
  key,
  reconcileInput,
  recordOf,
  RUNNING,
} from "../../../../support/samples/run-samples.ts";

const order = (spec: Partial<InstanceSpec> = {}, live: Partial<DesiredInstance["live"]> = {}) => {
  const desired = desiredOf("a", spec, key());
  return { ...desired, live: { ...desired.live, ...live } };
};
const unserved = (changes: Partial<UnservedOrder> = {}): UnservedOrder => ({
  ...key(),
  want: "running",
  orderedBy: null,
  detail: "The agent of this host is too old for this order: it does not understand spec.gate.",
  reason: { code: "agent-does-not-understand", params: { member: "spec.gate" } },
  ...changes,
});

const GANG = {
  id: 7,
  subnet: "10.9.0.0/24",
  address: "10.9.0.2",
  gateway: "10.9.0.1",
  udpPort: 4_790,
  peers: [],
};

const FOLLOWS = { role: "follows", attempt: 1, slots: 1 } as const;
const SERVED = agentFeatures({ joinsGangs: true });
const WITHOUT_GANGS = agentFeatures({ joinsGangs: false });

describe("which orders are served", () => {
  test.each<[string, DesiredInstance]>([
    ["as protocol 1 writes them", order()],
    ["with the gate that this agent has", order({ gate: "running" })],
    ["that never start again", order({ restarts: "never" })],
    ["with shared memory", order({ shmBytes: 1 })],
    ["with the image's program", order({ entrypoint: "image" })],
    ["for one content", order({ imageId: `sha256:${"0".repeat(64)}` })],
    ["with folders of others", order({ views: [{ source: "a", target: "/b" }] })],
    ["that wait for a probe", order({ gate: "probe" })],
    ["of a gang", order({ gate: "released", network: GANG })],
    ["of a rank that another one starts processes on", order({ launch: FOLLOWS })],
    ["with a long stop", order({}, { stopGraceSeconds: 600 })],
    ["with keys that this agent ignores", order({}, { ssh: { keySets: ["c-1"] } })],
  ])("those %s", (_what, desired) => {
    expect(sortedOrders([desired], [], SERVED)).toEqual({ desired: [desired], unserved: [] });
  });

  test.each<[string, DesiredInstance, string]>([
    ["with capabilities", order({ capabilities: ["SYS_NICE"] }), "give a container further capabilities"],
  ])("and not those %s, with the reason", (_what, desired, what) => {
    expect(sortedOrders([desired], [], SERVED)).toMatchObject({
      desired: [],
      unserved: [
        { ...key(), detail: `The agent of this host is too old for this order: it cannot ${what}.` },
      ],
    });
  });

  test("and none of a gang where the host cannot be one of its hosts, whatever its agent's age", () => {
    const gang = order({ gate: "released", network: GANG });

    const { unserved: refused } = sortedOrders([gang], [], WITHOUT_GANGS);

    expect(refused.map(({ detail }) => detail)).toEqual([
      "This host cannot join the ranks of a gang over several hosts, as its agent's log says.",
    ]);
  });

  test("and none of which only the names are understood", () => {
    const { detail: _text, reason: _reason, ...bare } = unserved();

    expect(sortedOrders([order()], [{ ...bare, why: "spec.gate" }], SERVED)).toEqual({
      desired: [order()],
      unserved: [unserved()],
    });
  });

  test("what is announced is what is served", () => {
    expect(new Set(SERVED).size).toBe(SERVED.length);
    expect(SERVED).toContain("gangs");
    expect(WITHOUT_GANGS).toEqual(SERVED.filter((feature) => feature !== "gangs"));
    expect(SERVED).not.toContain("capabilities");
  });
});

const decide = (changes: Parameters<typeof reconcileInput>[0]) => reconcile(reconcileInput(changes));
const reported = (changes: Parameters<typeof reconcileInput>[0]) => {
  const { flags, ...knowledge } = reconcileInput(changes);
  return observedInstances({
    ...knowledge,
    ...flags,
    waits: new Map(),
    notEnding: new Map(),
    disagreements: new Map(),
  });
};

describe("an order that is not served", () => {
  test("starts nothing, and reports why it does not", () => {
    const changes = { unserved: [unserved()] };

    expect(decide(changes)).toEqual([]);
    expect(isUnsettled(reconcileInput(changes))).toBe(false);
    expect(reported(changes)).toMatchObject([
      { ...key(), phase: "failed", problem: "start-refused", detail: unserved().detail },
    ]);
  });

  test.each([RUNNING, LEFT_BEHIND])("leaves what runs of it alone: %j", (status) => {
    const changes = {
      unserved: [unserved()],
      observed: [containerOf(key(), status)],
      runs: [recordOf(key())],
    };

    expect(decide(changes)).toEqual([]);
    expect(reported(changes)).toMatchObject([
      { phase: "ready", problem: null, detail: `It runs on. ${unserved().detail}` },
    ]);
  });

  test("takes over a container that it does not know, and opens no gate", () => {
    const observed = [containerOf(key())];

    expect(decide({ unserved: [unserved()], observed })).toMatchObject([{ kind: "adopt", ...key() }]);
    const known = { unserved: [unserved()], observed, runs: [recordOf(key(), { gate: null })] };
    expect(decide(known)).toEqual([]);
  });

  test("ends with its container and is not started again", () => {
    const changes = {
      unserved: [unserved()],
      observed: [containerOf(key(), exited(3))],
      runs: [recordOf(key(), { lastStart: at(0) })],
    };

    expect(decide(changes)).toMatchObject([
      { kind: "close-run", ...key(), end: { problem: "exited", exitCode: 3 } },
      { kind: "keep-remains", exitCode: 3 },
    ]);
  });

  test("keeps other orders from nothing", () => {
    const other = desiredOf("b", {}, key({ instance: "env-2", run: "run-2" }));

    expect(decide({ desired: [other], unserved: [unserved()] })).toMatchObject([
      { kind: "start", runId: "run-2" },
    ]);
  });

  test("is stopped when that is ordered", () => {
    const changes = {
      unserved: [unserved({ want: "stopped", orderedBy: "customer" })],
      observed: [containerOf(key())],
      runs: [recordOf(key())],
    };

    expect(isUnsettled(reconcileInput(changes))).toBe(true);
    expect(decide(changes)).toMatchObject([
      { kind: "stop", cause: "ordered", orderedBy: "customer", graceSeconds: 10, isGraceOrdered: false },
    ]);
  });

  test("is removed when that is ordered, and is nothing to report where nothing was", () => {
    const removal = { unserved: [unserved({ want: "removed", orderedBy: "admin" })] };
    const stopped = { observed: [containerOf(key(), exited(0))], runs: [recordOf(key())] };

    expect(reported(removal)).toEqual([]);
    expect(decide({ ...removal, ...stopped })).toMatchObject([
      { kind: "close-run" },
      { kind: "keep-remains" },
    ]);
  });

  test("takes the place of an earlier run, which was ordered by it", () => {
    const earlier = key({ epoch: 1, run: "run-0" });
    const changes = {
      unserved: [unserved({ placementEpoch: 2 })],
      observed: [containerOf(earlier)],
      runs: [recordOf(earlier)],
    };

    expect(decide(changes)).toMatchObject([{ kind: "stop", runId: "run-0", cause: "superseded" }]);
  });

  test("of an epoch that is over is refused for that", () => {
    const changes = { unserved: [unserved()], knownEpochs: new Map([[key().instanceId, 3]]) };

    expect(reported(changes)).toMatchObject([{ phase: "failed", problem: "start-refused", knownEpoch: 3 }]);
  });
});
