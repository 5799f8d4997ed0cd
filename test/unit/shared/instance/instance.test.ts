import { DesiredInstance, ObservedInstance, PoolPath, RunRemains } from "@remotegpu/shared/instance/instance";
import { describe, expect, test } from "vitest";
import { desiredInstance } from "../../../support/samples/journal-samples.ts";

test.each([
  ["customer-1/datasets/7", true],
  ["a", true],
  ["with blanks/and ünïcode", true],
  ["..hidden/...", true],
  ["", false],
  ["/absolute", false],
  ["trailing/", false],
  ["a//b", false],
  ["..", false],
  ["a/../b", false],
  ["./a", false],
  ["a/.", false],
  ["nul\u0000", false],
  ["x".repeat(513), false],
])("a pool path %j is taken: %s", (path, isTaken) => {
  expect(PoolPath.safeParse(path).success).toBe(isTaken);
});

describe("a desired instance", () => {
  const desired = desiredInstance("env-a");

  test("comes through whole", () => {
    expect(DesiredInstance.parse(structuredClone(desired))).toEqual(desired);
  });

  test("from a later control plane loses what this agent does not know", () => {
    expect(DesiredInstance.parse({ ...desired, invented: true })).toEqual(desired);
  });

  test.each([
    ["an epoch of 0", { placementEpoch: 0 }],
    ["half an epoch", { placementEpoch: 1.5 }],
    ["another want", { want: "paused" }],
    ["an orderer nobody knows", { orderedBy: "somebody" }],
    ["a hash that is none", { specHash: "A".repeat(64) }],
    ["an id that is no id", { instanceId: "env/../a" }],
    ["no time to stop", { live: { ...desired.live, stopGraceSeconds: 0 } }],
    ["a network that is not a workspace's", { spec: { ...desired.spec, network: "host" } }],
    [
      "a mount that leaves the pool",
      { spec: { ...desired.spec, folders: [{ source: "../etc", target: "/x" }] } },
    ],
    ["no cpu", { spec: { ...desired.spec, cpuMilli: 0 } }],
    ["nothing at all of its spec", { spec: {} }],
  ])("with %s is refused", (_what, changes) => {
    expect(DesiredInstance.safeParse({ ...desired, ...changes }).success).toBe(false);
  });
});

describe("an observed instance", () => {
  const observed = {
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
    ["as an agent says it", {}, true],
    ["killed by signal", { phase: "failed", problem: "exited", exitCode: 137 }, true],
    ["with a problem nobody knows", { problem: "bad-luck" }, false],
    ["in a phase nobody knows", { phase: "paused" }, false],
    ["with a gate before the boot", { gateOpenedMs: -1 }, false],
    ["with a novel for a detail", { detail: "x".repeat(2001) }, false],
  ])("%s is taken: %s", (_what, changes, isTaken) => {
    expect(ObservedInstance.safeParse({ ...observed, ...changes }).success).toBe(isTaken);
  });
});

describe("what an ended run left", () => {
  const remains = (change: object) => ({ outOfMemory: false, signal: null, tail: "", ...change });

  test.each([
    ["nothing written", remains({}), true],
    ["nothing known", remains({ tail: null }), true],
    ["8 KiB of UTF-8", remains({ tail: "€".repeat(2_730) }), true],
    ["more than 8 KiB of UTF-8", remains({ tail: "€".repeat(2_731) }), false],
    ["what the database cannot store", remains({ tail: "\u0000" }), false],
    ["half a character", remains({ tail: "\ud800" }), false],
    ["a signal", remains({ signal: "SIGKILL" }), true],
    ["no signal's name", remains({ signal: "kill -9" }), false],
  ])("%s is taken: %#", (_what, left, isTaken) => {
    expect(RunRemains.safeParse(left).success).toBe(isTaken);
  });
});
