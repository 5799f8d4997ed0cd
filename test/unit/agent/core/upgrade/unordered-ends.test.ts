/** Which ends of containers are counted against a new version. */
import { describe, expect, test } from "vitest";
import type { Action, StopCause } from "@remotegpu/agent/core/runs/action";
import { isUnorderedEnd } from "@remotegpu/agent/core/upgrade/unordered-ends";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { containerOf, exited, HOST, key, LEFT_BEHIND } from "../../../../support/samples/run-samples.ts";

const container = containerOf(key());
const { containerId } = container;
const wanted = desiredOf("x", {}, key());
const seen = { hostId: HOST, desired: [wanted], unserved: [], observed: [container] };

const stop = (cause: StopCause): Action => ({
  ...key(),
  kind: "stop",
  containerId,
  orderedBy: "limit",
  cause,
  detail: "",
  graceSeconds: 1,
  isGraceOrdered: false,
});
const removal: Action = { ...key(), kind: "remove", containerId };
const unwell = (problem?: "gpu-failed"): Action => ({
  ...key(),
  kind: "end-unwell",
  containerId,
  unwell: { hasServed: true, detail: "", problem },
  graceSeconds: 1,
});

describe("of a container that is wanted and runs", () => {
  // Also one that claims to be ordered: a version that misreads the orders says so of all.
  test.each(["ordered", "superseded", "no-contact", "already-ended", "orphaned", "gpu-missing"] as const)(
    "a stop as %s is counted",
    (cause) => {
      expect(isUnorderedEnd(stop(cause), seen)).toBe(true);
    },
  );

  test.each([
    ["a removal", removal],
    ["a restart for lost cards", unwell("gpu-failed")],
  ])("%s is counted", (_what, action) => {
    expect(isUnorderedEnd(action, seen)).toBe(true);
  });

  test("what the runtime has lost counts as well", () => {
    const lost = { ...seen, observed: [containerOf(key(), LEFT_BEHIND)] };

    expect(isUnorderedEnd(stop("ordered"), lost)).toBe(true);
  });

  test.each([
    ["fills its storage", stop("storage-exceeded")],
    ["fills the disk", stop("disk-filled")],
    ["fails its own probe", unwell()],
  ])("the end of one that %s is not counted", (_what, action) => {
    expect(isUnorderedEnd(action, seen)).toBe(false);
  });
});

test.each([
  ["its order wants it stopped", [{ ...wanted, want: "stopped" as const }]],
  ["its order wants it removed", [{ ...wanted, want: "removed" as const }]],
  ["another run of its placement is ordered", [desiredOf("x", {}, key({ run: "run-2" }))]],
  ["a later placement is to run", [wanted, desiredOf("x", {}, key({ epoch: 2, run: "run-2" }))]],
])("a stop is ordered where %s", (_what, desired) => {
  expect(isUnorderedEnd(stop("ordered"), { ...seen, desired })).toBe(false);
});

test.each([
  ["nothing is ordered", []],
  [
    "another instance is to be removed",
    [{ ...desiredOf("y", {}, key({ instance: "env-2" })), want: "removed" as const }],
  ],
  [
    "a later placement is to be removed, which speaks for itself alone",
    [wanted, desiredOf("x", {}, { ...key({ epoch: 2, run: "run-2" }), want: "removed" })],
  ],
  ["an earlier placement is to run", [wanted, desiredOf("x", {}, key({ epoch: 0, run: "run-0" }))]],
])("a stop is unordered where %s", (_what, desired) => {
  expect(isUnorderedEnd(stop("ordered"), { ...seen, desired })).toBe(true);
});

test("what is not understood of an order keeps no container from being ended by it", () => {
  const unserved = [{ ...key(), want: "removed" as const, orderedBy: null, detail: "" }];

  expect(isUnorderedEnd(removal, { ...seen, desired: [], unserved })).toBe(false);
});

test.each([
  ["of a container that has ended", [containerOf(key(), exited(1))]],
  ["of one that is not there", []],
  ["of another host's", [containerOf(key(), undefined, { hostId: "host-b" as typeof HOST })]],
])("a removal %s ends nothing", (_what, observed) => {
  expect(isUnorderedEnd(removal, { ...seen, observed })).toBe(false);
});

test.each([
  { ...key(), kind: "start", desired: wanted, attempt: 1 },
  { ...key(), kind: "restart", desired: wanted, attempt: 2, containerId },
  { ...key(), kind: "forget" },
  { ...key({ run: "run-9" }), kind: "adopt", containerId, specHash: "", network: "ws-1", gpus: [] },
  { kind: "hold-stops", stops: 9, running: 9 },
] satisfies Action[])("an action that is $kind ends nothing", (action) => {
  expect(isUnorderedEnd(action, { ...seen, desired: [] })).toBe(false);
});
