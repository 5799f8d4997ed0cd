import { describe, expect, test } from "vitest";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import { UsableGpu } from "@remotegpu/control-plane/server/core/placement/scoring/fragmentation";
import type { CountedShape } from "@remotegpu/control-plane/server/core/placement/scoring/typical-shapes";
import { aCountedShape, aGpu, aHost, gpusOf } from "../../../../../../support/placement/fleet.ts";

const fourCards = new FleetState({ hosts: [aHost({ gpus: gpusOf("a", 4) })] });
const usable = (...shapes: Partial<CountedShape>[]) => new UsableGpu(fourCards, shapes.map(aCountedShape));

describe("orders of one card", () => {
  test.each([
    { free: 0, used: 0 },
    { free: 469, used: 0 },
    { free: 470, used: 470 },
    { free: 1000, used: 1000 },
  ])("of $free thousandths one of 470 can use $used", ({ free, used }) => {
    expect(usable({ shareThousandths: 470 }).ofCard(0, 1, free)).toBe(used);
  });

  test("each counts as often as it is ordered", () => {
    const measure = usable({ shareThousandths: 470, count: 3 }, { shareThousandths: 600, count: 2 });

    expect(measure.orders).toBe(5);
    expect(measure.ofCard(0, 1, 500)).toBe(3 * 500);
    expect(measure.ofCard(0, 1, 600)).toBe(5 * 600);
  });

  test.each([
    { cpu: 0, used: 0 },
    { cpu: 1999, used: 0 },
    { cpu: 2000, used: 1000 },
    { cpu: 7999, used: 1000 },
    { cpu: 8000, used: 2000 },
  ])("with $cpu thousandths of CPU left they use $used", ({ cpu, used }) => {
    const measure = usable({ cpuMilli: 2000 }, { cpuMilli: 8000 });

    expect(measure.ofCard(0, measure.rankOfCpu(cpu), 1000)).toBe(used);
  });

  test("a card of another model or with too little memory is of no use", () => {
    const measure = usable(
      { models: ["NVIDIA H100"] },
      { models: [] },
      { leastMemoryMib: 24_577 },
      { models: ["NVIDIA L4"], leastMemoryMib: 24_576 },
    );

    expect(measure.ofCard(0, 1, 1000)).toBe(1000);
  });
});

describe("orders of several cards", () => {
  test.each([
    { idle: 0, used: 0 },
    { idle: 1, used: 0 },
    { idle: 2, used: 2000 },
    { idle: 3, used: 3000 },
    { idle: 4, used: 2 * 4000 },
  ])("of $idle idle cards one of two and one of four can use $used", ({ idle, used }) => {
    expect(usable({ gpuCount: 2 }, { gpuCount: 4 }).ofIdleCards(0, 1, idle)).toBe(used);
  });

  test("more cards than any host has are of no use to anybody", () => {
    expect(usable({ gpuCount: 5 }).ofIdleCards(0, 1, 4)).toBe(0);
  });

  test("kinds that the same orders may use count together, others apart", () => {
    const gpus = [aGpu(), aGpu({ uuid: "2", index: 1, model: "NVIDIA H100" })];
    const state = new FleetState({ hosts: [aHost({ gpus })] });

    const measure = new UsableGpu(state, [
      aCountedShape({ gpuCount: 2, count: 3 }),
      aCountedShape({ gpuCount: 2, count: 5, models: ["NVIDIA H100"] }),
    ]);

    expect(measure.groupCount).toBe(2);
    expect(measure.groupsOfKind).toEqual([[0], [0, 1]]);
    expect(measure.ofIdleCards(0, 1, 2)).toBe(3 * 2000);
    expect(measure.ofIdleCards(1, 1, 2)).toBe(5 * 2000);
  });
});

test("where others are no matter, cards that an order may not use count as used, whatever the CPU", () => {
  const shapes = [
    { models: ["NVIDIA H100"], cpuMilli: 2_000, count: 3 },
    { gpuCount: 2, leastMemoryMib: 24_577 },
  ];
  const measure = new UsableGpu(fourCards, shapes.map(aCountedShape), { others: "no matter" });

  expect(measure.ofCard(0, measure.rankOfCpu(0), 100)).toBe(4 * 100);
  expect(measure.groupsOfKind).toEqual([[]]);
  expect(usable(...shapes).ofCard(0, 1, 100)).toBe(0);
});

test("tables give what a sum over the shapes gives, at any CPU, share and number of cards", () => {
  const shapes = [
    { cpuMilli: 1_000, shareThousandths: 300, count: 2 },
    { cpuMilli: 3_000, shareThousandths: 300, count: 5 },
    { cpuMilli: 2_000, shareThousandths: 700, count: 11 },
    { cpuMilli: 2_000, gpuCount: 2, count: 23 },
    { cpuMilli: 4_000, gpuCount: 3, count: 47 },
  ].map(aCountedShape);
  const measure = new UsableGpu(fourCards, shapes);
  const countOf = (isUsable: (shape: CountedShape) => boolean) =>
    shapes.reduce((sum, shape) => sum + (isUsable(shape) ? shape.count : 0), 0);

  for (let cpu = 0; cpu <= 5_000; cpu += 500) {
    const rank = measure.rankOfCpu(cpu);
    for (const free of [0, 299, 300, 699, 700, 1_000]) {
      const orders = countOf(
        (shape) => shape.gpuCount === 1 && shape.cpuMilli <= cpu && shape.shareThousandths <= free,
      );
      expect(measure.ofCard(0, rank, free)).toBe(free * orders);
    }
    for (let idle = 0; idle <= 4; idle += 1) {
      const orders = countOf(({ gpuCount, cpuMilli }) => gpuCount > 1 && cpuMilli <= cpu && gpuCount <= idle);
      expect(measure.ofIdleCards(0, rank, idle)).toBe(1_000 * idle * orders);
    }
  }
});

test("work without GPU uses none of it, but is among the orders", () => {
  const measure = usable({ gpuCount: 0, shareThousandths: 0, count: 9 }, { count: 1 });

  expect(measure.orders).toBe(10);
  expect(measure.ofCard(0, 1, 1000)).toBe(1000);
});

test("without orders nothing is of use", () => {
  const measure = usable();

  expect(measure.orders).toBe(0);
  expect(measure.groupCount).toBe(0);
  expect(measure.ofCard(0, measure.rankOfCpu(1_000_000), 1000)).toBe(0);
});
