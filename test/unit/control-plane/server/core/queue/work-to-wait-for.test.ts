import { expect, test } from "vitest";
import type { Fleet } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { type NamedWork, roomAtTurn } from "@remotegpu/control-plane/server/core/queue/turn";
import { fleetWithout, workToWaitFor } from "@remotegpu/control-plane/server/core/queue/work-to-wait-for";
import { aHost, gpusOf } from "../../../../../support/placement/fleet.ts";
import {
  anOrder,
  NO_SHARERS,
  NOW,
  OPTIONS,
  type TestOrder,
  work,
} from "../../../../../support/placement/queued-orders.ts";
import { HELD_WHOLE, wholeGpus } from "../../../../../support/placement/whole-gpus.ts";

const allHeld = (id: string, count: number) => aHost({ id, gpus: gpusOf(id, count, HELD_WHOLE) });

function waitFor(
  fleet: Fleet,
  running: NamedWork[],
  requesting: TestOrder,
  ahead: TestOrder[] = [],
): string | null {
  const scene = { fleet, running, orders: [...ahead, requesting], sharers: NO_SHARERS, options: OPTIONS };
  return workToWaitFor(scene, requesting, roomAtTurn(scene, requesting))?.workload ?? null;
}

test("the first to end of those that would do, and promises before silence", () => {
  const fleet = { hosts: ["a", "b", "c", "d"].map((id) => allHeld(id, 1)) };
  const running = [
    work("silent", { hostId: "a", cards: ["GPU-a-0"] }),
    work("late", { hostId: "b", cards: ["GPU-b-0"], endsIn: 20 }),
    work("soon", { hostId: "c", cards: ["GPU-c-0"], endsIn: 10 }),
    work("no use", { hostId: "d", cpuMilli: 1, endsIn: 1 }),
  ];

  expect(waitFor(fleet, running, anOrder("one", { gpu: wholeGpus(1) }))).toBe("soon");
  expect(waitFor(fleet, running.slice(0, 1), anOrder("one", { gpu: wholeGpus(1) }))).toBe("silent");
});

test("of what promised no end the one that frees least", () => {
  const fleet = { hosts: [allHeld("a", 2), allHeld("b", 1)] };
  const running = [
    work("large", { hostId: "a", cards: ["GPU-a-0", "GPU-a-1"] }),
    work("small", { hostId: "b", cards: ["GPU-b-0"] }),
  ];

  expect(waitFor(fleet, running, anOrder("one", { gpu: wholeGpus(1) }))).toBe("small");
  expect(waitFor(fleet, running, anOrder("two", { gpu: wholeGpus(2) }))).toBe("large");
});

test("all parts of a gang end together, the last of them counts", () => {
  const fleet = { hosts: [allHeld("a", 1), allHeld("b", 1)] };
  const running = [
    work("gang", { hostId: "a", cards: ["GPU-a-0"], endsIn: 10 }),
    work("gang", { hostId: "b", cards: ["GPU-b-0"], endsIn: 30 }),
  ];
  const requesting = anOrder("two", { gpu: wholeGpus(1), instances: 2 });
  const scene = { fleet, running, orders: [requesting], sharers: NO_SHARERS, options: OPTIONS };

  expect(workToWaitFor(scene, requesting, roomAtTurn(scene, requesting))).toEqual({
    change: "wait",
    workload: "gang",
    endsAtMs: NOW + 30_000,
  });
});

test("nothing that somebody ahead would take, and nothing that does not reach", () => {
  const fleet = { hosts: [allHeld("a", 1)] };
  const running = [work("x", { hostId: "a", cards: ["GPU-a-0"] })];

  expect(
    waitFor(fleet, running, anOrder("second", { gpu: wholeGpus(1) }), [
      anOrder("first", { gpu: wholeGpus(1) }, { age: 1 }),
    ]),
  ).toBeNull();
  expect(waitFor(fleet, running, anOrder("two", { gpu: wholeGpus(2) }))).toBeNull();
});

test("the fleet without it has its parts back and keeps the others'", () => {
  const fleet = { hosts: [allHeld("a", 2)] };
  const running = [
    work("x", { hostId: "a", cards: ["GPU-a-0"] }),
    work("y", { hostId: "a", cards: ["GPU-a-1"] }),
    work("x", { hostId: "gone", cards: ["GPU-gone-0"] }),
  ];

  expect(fleetWithout({ fleet, running }, "x").hosts[0]?.gpus.map(({ use }) => use)).toEqual([
    "idle",
    "exclusive",
  ]);
});
