import { expect, test } from "vitest";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import { cardDemands, reservationOf } from "@remotegpu/control-plane/server/core/queue/reservation";
import { aHost, aRequest, gpusOf } from "../../../../../support/placement/fleet.ts";
import { NOW, OPTIONS, work } from "../../../../../support/placement/queued-orders.ts";
import { HELD_WHOLE, wholeGpus } from "../../../../../support/placement/whole-gpus.ts";

const [first, ...others] = gpusOf("a", 4);
const oneHeld = () =>
  new FleetState({
    hosts: [aHost({ id: "a", freeCpuMilli: 4000, gpus: [{ ...first!, ...HELD_WHOLE }, ...others] })],
  });
const running = [work("x", { hostId: "a", cards: ["GPU-a-0"], endsIn: 60 })];

test("of the head's host others may take what is free both now and when it runs", () => {
  const head = aRequest({ gpu: wholeGpus(3), cpuMilli: 3000 });

  const { startsAtMs, hosts, later, beside } = reservationOf(head, {
    state: oneHeld(),
    running: [...running, work("y", { hostId: "nowhere", cards: ["GPU-nowhere-0"], endsIn: 1 })],
    options: OPTIONS,
  });

  expect(startsAtMs).toBe(NOW + 1000);
  expect([...hosts]).toEqual([0]);
  expect(later.freeGpu[0]).toBe(0);
  expect([beside.state.freeGpu[0], beside.state.freeCpuMilli[0]]).toEqual([0, 1000]);
});

test("the head's host has back what ends until then", () => {
  const { startsAtMs, later, beside } = reservationOf(aRequest({ gpu: wholeGpus(4) }), {
    state: oneHeld(),
    running,
    options: OPTIONS,
  });

  expect(startsAtMs).toBe(NOW + 60_000);
  expect([later.freeGpu[0], beside.state.freeGpu[0]]).toEqual([0, 0]);
});

test("what nobody promised to give is reserved as far as it is free", () => {
  const { startsAtMs, beside } = reservationOf(aRequest({ gpu: wholeGpus(4) }), {
    state: oneHeld(),
    running: [work("x", { hostId: "a", cards: ["GPU-a-0"] })],
    options: OPTIONS,
  });

  expect(startsAtMs).toBeNull();
  expect(beside.state.freeGpu[0]).toBe(0);
});

test("the state itself stays as it is", () => {
  const state = oneHeld();
  const before = JSON.stringify(state.toFleet());

  reservationOf(aRequest({ gpu: wholeGpus(4) }), { state, running, options: OPTIONS });

  expect(JSON.stringify(state.toFleet())).toBe(before);
});

test("cards that the fleet does not have are nobody's", () => {
  expect(cardDemands(oneHeld(), work("x", { hostId: "a", cards: ["GPU-a-1", "GPU-gone"] }).gpus)).toEqual([
    { card: 1, memoryMib: null, shareThousandths: 1000 },
  ]);
});
