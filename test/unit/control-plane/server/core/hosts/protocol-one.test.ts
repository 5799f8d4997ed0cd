/** What an agent is told that speaks only protocol 1; that it understands it is in protocol-versions.test.ts of shared. */
import { describe, expect, test } from "vitest";
import { ordersFor } from "@remotegpu/control-plane/server/core/hosts/protocol-one";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { desiredOf } from "../../../../../support/samples/desired-instance.ts";

const GANG = {
  id: 7,
  subnet: "10.9.0.0/24",
  address: "10.9.0.2",
  gateway: "10.9.0.1",
  udpPort: 4_790,
  peers: [],
};
const order = (
  spec: Partial<InstanceSpec>,
  { graceSeconds = 30, want = "running" }: { graceSeconds?: number; want?: DesiredInstance["want"] } = {},
): DesiredInstance =>
  desiredOf("a", spec, {
    want,
    live: { stopGraceSeconds: graceSeconds, onDisconnect: "keep", stopAfterSeconds: null },
  });

describe("an agent of protocol 1", () => {
  test.each([
    [1, 1],
    [299, 299],
    [300, 300],
    [301, 300],
    [600, 300],
  ])("hears of a grace of %i s as of %i s", (graceSeconds, reported) => {
    expect(ordersFor(1, [order({}, { graceSeconds })])).toMatchObject([
      { live: { stopGraceSeconds: reported } },
    ]);
  });

  test.each<[string, Partial<InstanceSpec>]>([
    ["of a gang", { network: GANG, gate: "released" }],
    ["that wait for a probe", { gate: "probe" }],
    ["that never start again", { restarts: "never" }],
    ["by the image's own program", { entrypoint: "image" }],
    ["with shared memory", { shmBytes: 1 }],
    ["of ranks that follow another", { launch: { role: "follows", attempt: 1, slots: 1 } }],
    ["with folders of others", { views: [{ source: "a", target: "/b" }] }],
  ])("hears nothing of starts %s, and of every end of them", (_what, spec) => {
    expect(ordersFor(1, [order(spec), order({})])).toEqual([order({})]);
    for (const want of ["stopped", "removed"] as const)
      expect(ordersFor(1, [order(spec, { want })])).toMatchObject([{ want }]);
  });

  test("hears of a network in its own words, where something is only to end", () => {
    expect(ordersFor(1, [order({ network: GANG }, { want: "removed" })])).toMatchObject([
      { spec: { network: "ws-0" } },
    ]);
    expect(ordersFor(1, [order({ network: "ws-7" }, { want: "removed" })])).toMatchObject([
      { spec: { network: "ws-7" } },
    ]);
  });

  test("hears of orders that state what was always so", () => {
    const plain = order({ gate: "running", restarts: "within-run", entrypoint: "init", hosts: [] });

    expect(ordersFor(1, [plain])).toEqual([plain]);
  });
});

test.each([2, 3, null])("an agent of protocol %s hears everything as it is", (protocolMax) => {
  const all = [order({ network: GANG }), order({ gate: "probe" }, { graceSeconds: 600 })];

  expect(ordersFor(protocolMax, all)).toEqual(all);
});
