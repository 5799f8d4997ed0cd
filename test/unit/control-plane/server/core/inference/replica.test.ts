import { describe, expect, test } from "vitest";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { fateOf, type ReplicaPlace, serves } from "@remotegpu/control-plane/server/core/inference/replica";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";
import { aFailed, aReplica, aStarting, aWaiting } from "../../../../../support/samples/a-replica.ts";

const minutes = (count: number) => count * MS_PER_MINUTE;

describe("what becomes of a replica for itself:", () => {
  test.each([
    ["one that waits", aWaiting(0)],
    ["one that serves", aReplica(0)],
    ["one whose host does not report whether it serves", aReplica(0, { serving: null })],
    ["one whose container has just begun", aStarting(0)],
    [
      "one that fails its checks for less than ten minutes",
      aReplica(0, { serving: "no", servingForMs: minutes(10) - 1 }),
    ],
    ["one whose host is silent for less than five minutes", aReplica(0, { silentForMs: minutes(5) - 1 })],
  ])("%s stays", (_, replica) => {
    expect(fateOf(replica)).toEqual({ kind: "stays" });
  });

  test.each([
    ["exited", aFailed(3), "Replica 3 failed: It exited with code 1."],
    [
      "ended without a word",
      aFailed(3, { detail: null, problem: "out-of-memory" }),
      "Replica 3 failed: out-of-memory.",
    ],
    [
      "got no container",
      aStarting(3, { containerForMs: null, placedForMs: minutes(30) }),
      "Replica 3 on host host-3 had no container within 30 minutes.",
    ],
    [
      "was never ready",
      aStarting(3, {
        containerForMs: minutes(10.5),
        stateForMs: minutes(12),
        detail: asReported("GET / answered 503."),
      }),
      "Replica 3 on host host-3 was not ready within 600 seconds: GET / answered 503.",
    ],
    [
      "ends again and again before it is ready",
      aStarting(3, { earlyEnds: 5, detail: asReported("Its container ended with code 1.") }),
      "Replica 3 on host host-3 ended 5 times before it was ready: Its container ended with code 1.",
    ],
    [
      "fails its checks",
      aReplica(3, { serving: "no", servingForMs: minutes(10) }),
      "Replica 3 on host host-3 has failed its checks for 10 minutes.",
    ],
  ])("one that %s has failed", (_, replica, why) => {
    expect(inWords(fateOf(replica))).toMatchObject({ kind: "ends", failure: expect.any(String), why });
  });

  test.each([
    [
      "an administrator stopped",
      { state: "stopped", stopOrderedBy: "admin" },
      "An administrator stopped it.",
    ],
    [
      "ran out of money",
      { state: "stopped", stopOrderedBy: "account" },
      "Stopped because the account ran out of money.",
    ],
    ["its people stopped", { isOrdered: false, stopOrderedBy: "customer" }, "Replica 3 was stopped."],
    ["is lost with its host", { state: "lost" }, "Replica 3 is lost with its host host-3."],
  ] as const)("one that %s has not failed", (_, change: Partial<ReplicaPlace>, why) => {
    expect(inWords(fateOf(aReplica(3, change)))).toMatchObject({ kind: "ends", failure: null, why });
  });

  test("one on a host that is emptied moves where it serves, and ends where it does not", () => {
    const emptied = asReported("Host host-0 is taken out of service.");

    expect(fateOf(aReplica(0, { emptied }))).toMatchObject({ kind: "moves", after: "ready" });
    expect(fateOf(aStarting(0, { emptied }))).toMatchObject({ kind: "ends", failure: null });
  });
});

test.each([
  [{}, true],
  [{ serving: null }, true],
  [{ serving: "no" }, false],
  [{ serving: "not-yet" }, false],
  [{ isOrdered: false }, false],
  [{ state: "starting" }, false],
] as const)("whether requests may go to one that is %j: %s", (change: Partial<ReplicaPlace>, isServing) => {
  const { place } = aReplica(0, change);

  expect(place !== null && serves(place)).toBe(isServing);
});
