/** What the doctor calls wrong between containers, cards and records. */
import { describe, expect, test } from "vitest";
import {
  cardsHeldTwice,
  containersWithoutRecord,
  instancesRunningTwice,
  recordsWithoutContainer,
} from "@remotegpu/agent/core/reconcile/holdings";
import type { RunEnd } from "@remotegpu/agent/core/runs/action";
import { containerOf, exited, gpu, key, recordOf, RUNNING } from "../../../../support/samples/run-samples.ts";

const one = key({ instance: "env-1", run: "run-1" });
const two = key({ instance: "env-2", run: "run-2" });
const end: RunEnd = { phase: "stopped", problem: null, detail: "Over.", exitCode: 0, orderedBy: null };

describe("a card", () => {
  const holding = (gpus: ReturnType<typeof gpu>[], other: ReturnType<typeof gpu>[], status = RUNNING) =>
    cardsHeldTwice([containerOf(one, RUNNING, { gpus }), containerOf(two, status, { gpus: other })]);

  test.each([
    ["whole by two", [gpu("a")], [gpu("a")]],
    ["whole by one and a slice by another", [gpu("a")], [gpu("b"), gpu("a", 100)]],
  ])("held %s is held twice", (_how, gpus, other) => {
    expect(holding(gpus, other)).toMatchObject([{ uuid: gpu("a").uuid }]);
  });

  test("in slices, or beside another one, is not", () => {
    expect(holding([gpu("a", 100)], [gpu("a", 200)])).toEqual([]);
    expect(holding([gpu("a")], [gpu("b")])).toEqual([]);
  });

  test("of a container that has ended is free", () => {
    expect(holding([gpu("a")], [gpu("a")], exited(0))).toEqual([]);
  });
});

test("an instance runs twice only in two running containers", () => {
  const again = key({ instance: "env-1", run: "run-3" });

  expect(instancesRunningTwice([containerOf(one), containerOf(again), containerOf(two)])).toEqual(["env-1"]);
  expect(instancesRunningTwice([containerOf(one), containerOf(again, exited(0))])).toEqual([]);
});

test("a record lacks its container only while it lives and once it was made", () => {
  const [living, fresh, over] = [
    recordOf(one),
    recordOf(two, { containerId: null }),
    recordOf(key({ run: "run-3" }), { end }),
  ];

  expect(recordsWithoutContainer([living, fresh, over], [])).toEqual([living]);
  expect(recordsWithoutContainer([living], [containerOf(one, exited(1))])).toEqual([]);
});

test("a container lacks its record whatever its state", () => {
  const container = containerOf(one, exited(0));

  expect(containersWithoutRecord([recordOf(two)], [container])).toEqual([container]);
  expect(containersWithoutRecord([recordOf(one, { end })], [container])).toEqual([]);
});
