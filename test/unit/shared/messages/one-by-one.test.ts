/** One entry of a list in words of a later version costs no other entry. */
import { describe, expect, test } from "vitest";
import { DesiredLease } from "@remotegpu/shared/instance/lease";
import { readKeySets, readOrder, readRuns, understood } from "@remotegpu/shared/messages/one-by-one";
import { desiredInstance } from "../../../support/samples/journal-samples.ts";

const order = desiredInstance("env-a");

describe("an order", () => {
  test("of this version is understood, whatever else it contains", () => {
    expect(readOrder({ ...order, addedLater: 1 })).toEqual({ kind: "understood", order });
  });

  test.each([
    ["a network of a later kind", { spec: { ...order.spec, network: { kind: "mesh" } } }, "spec.network"],
    ["another gate", { spec: { ...order.spec, gate: "lunch" } }, "spec.gate"],
    ["other restarts", { spec: { ...order.spec, restarts: "twice" } }, "spec.restarts"],
    ["another entry point", { spec: { ...order.spec, entrypoint: "wasm" } }, "spec.entrypoint"],
    ["another kind of workload", { spec: { ...order.spec, kind: "batch" } }, "spec.kind"],
    [
      "a longer stop than there is",
      { live: { ...order.live, stopGraceSeconds: 601 } },
      "live.stopGraceSeconds",
    ],
    ["no spec at all", { spec: null }, "spec"],
    ["another hash", { specHash: "blake3:1" }, "specHash"],
    ["an orderer from later", { orderedBy: "gang" }, "orderedBy"],
  ])("with %s keeps its names and what is wanted", (_what, change, why) => {
    const raw = { ...order, want: "stopped", ...change };

    const read = readOrder(raw);

    const { instanceId, placementEpoch, runId } = order;
    expect(read).toMatchObject({
      kind: "not-understood",
      order: { instanceId, placementEpoch, runId, want: "stopped", orderedBy: null },
      raw,
      why,
    });
  });

  test("that is not understood still names whose leases lead there", () => {
    const raw = { ...order, spec: { ...order.spec, gate: "lunch" } };

    expect(readOrder(raw)).toMatchObject({ order: { spec: { workloadId: order.spec.workloadId } } });
    expect(readOrder({ ...raw, spec: "later" })).toMatchObject({ order: { spec: undefined } });
  });

  test.each([
    ["null", null],
    ["a text", "env-a"],
    ["one without an instance", { ...order, instanceId: undefined }],
    ["one that wants something else", { ...order, want: "paused" }],
    ["one of no epoch", { ...order, placementEpoch: "1" }],
    ["one of no run", { ...order, runId: "../run" }],
  ])("%s is nobody's", (_what, raw) => {
    expect(readOrder(raw).kind).toBe("unreadable");
  });

  test("keeps what of its access a later version contains, without reading it", () => {
    const read = readOrder({ ...order, live: { ...order.live, ssh: { keySets: 7 } } });

    expect(read).toEqual({ kind: "understood", order });
  });
});

describe("observed runs", () => {
  const run = {
    instanceId: "env-a",
    placementEpoch: 1,
    runId: "run-a",
    phase: "ready",
    detail: "It runs.",
    problem: null,
    containerId: "c1",
    exitCode: null,
    gateOpenedMs: 0,
    bootId: "11111111-1111-4111-8111-111111111111",
  };

  test.each([
    ["a phase", { phase: "checkpointing" }],
    ["a problem", { problem: "bad-luck" }],
    ["a word of serving", { serving: "perhaps" }],
  ])("with %s from later are known to be there, and no other is lost", (_what, change) => {
    const later = { ...run, instanceId: "env-b", ...change };

    expect(readRuns([run, later, { ...run, instanceId: "env-c" }])).toEqual({
      isReadable: true,
      instances: [run, { ...run, instanceId: "env-c" }],
      notUnderstood: [{ instanceId: "env-b", placementEpoch: 1, runId: "run-a" }],
    });
  });

  test("of which one could be anybody's are no report: what is missing in it means nothing", () => {
    expect(readRuns([run, { ...run, instanceId: 7 }])).toEqual({
      isReadable: false,
      why: "instances.1.instanceId",
    });
  });
});

test("of leases those that are understood are taken", () => {
  const lease = {
    leaseId: "lease-1",
    workloadId: "env-1",
    service: "ssh",
    internalPort: 22,
    autoReleaseHours: 48,
    want: "held",
  };

  expect(understood(DesiredLease, [{ ...lease, service: "quic" }, lease, null])).toEqual([lease]);
});

test("of key sets those that are understood are taken, and of each the keys that are", () => {
  const key = { id: 31, line: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFg" };

  expect(
    readKeySets([
      { id: "c-7", keys: [key, { ...key, id: "31" }, null], addedLater: 1 },
      { id: "c-8", keys: "all" },
      { id: "C 9", keys: [key] },
      { id: "c-10", keys: Array.from({ length: 65 }, () => key) },
      { id: "c-11", keys: [] },
    ]),
  ).toEqual([
    { id: "c-7", keys: [key] },
    { id: "c-11", keys: [] },
  ]);
});

test.each([
  ["options", 'command="sh" ssh-ed25519 AAAA'],
  ["a comment", "ssh-ed25519 AAAA alice@laptop"],
  ["a second line", "ssh-ed25519 AAAA\nssh-ed25519 BBBB"],
  ["no body", "ssh-ed25519"],
  ["more than any key has", `ssh-rsa ${"A".repeat(4 * 1024)}`],
])("a key's line with %s is not understood", (_what, line) => {
  expect(readKeySets([{ id: "c-7", keys: [{ id: 1, line }] }])).toEqual([{ id: "c-7", keys: [] }]);
});
