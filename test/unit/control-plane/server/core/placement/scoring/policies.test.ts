import { describe, expect, test } from "vitest";
import { drawFrom } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import type { HostCapacity } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { type Policy, scorerOf } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { requestShape } from "@remotegpu/control-plane/server/core/placement/fleet/request-shape";
import {
  CLOSED,
  aCountedShape,
  aGpu,
  aHost,
  aRequest,
  aSliceRequest,
  aWholeRequest,
  gpusOf,
} from "../../../../../../support/placement/fleet.ts";

/** The largest host of each test: 128 cores, eight cards. */
const largest = aHost({ id: "z", freeCpuMilli: 128_000, gpus: gpusOf("z", 8) });

function scoreOf(policy: Policy, host: Partial<HostCapacity>, request: Partial<PlacementRequest>): number {
  const state = new FleetState({ hosts: [aHost({ id: "a", ...host }), largest] });
  const scorer = scorerOf(policy, state, { typical: [], draw: drawFrom(1) });
  return scorer.score(requestShape(state, aRequest(request), 0), 0);
}

const eightCards = { freeCpuMilli: 128_000, gpus: gpusOf("a", 8) };

describe("best-fit", () => {
  test.each<[string, Partial<HostCapacity>, Partial<PlacementRequest>, number]>([
    ["all of the largest host", eightCards, { cpuMilli: 128_000, gpu: aWholeRequest(8) }, 100],
    ["nothing of the largest host", eightCards, { cpuMilli: 0 }, 0],
    ["half of its CPU", eightCards, { cpuMilli: 64_000 }, 25],
    ["half of its cards", eightCards, { cpuMilli: 0, gpu: aWholeRequest(4) }, 25],
    // 100 × (1 − (127 ÷ 128 + 7.5 ÷ 8) ÷ 2) = 3.52.
    [
      "a core and half a card: cut off, not rounded",
      eightCards,
      { cpuMilli: 1000, gpu: aSliceRequest({ shareThousandths: 500 }) },
      3,
    ],
    // 100 × (1 − (0 + 1 ÷ 8) ÷ 2) = 93.75.
    [
      "what leaves one card of two",
      { freeCpuMilli: 1000, gpus: gpusOf("a", 2) },
      { cpuMilli: 1000, gpu: aWholeRequest(1) },
      93,
    ],
    ["work without GPU beside no GPU", { freeCpuMilli: 1000 }, { cpuMilli: 1000 }, 100],
  ])("%s", (_what, host, request, score) => {
    expect(scoreOf("best-fit", host, request)).toBe(score);
  });

  test("counts what a slice takes of the card on this host, whatever it would take of others", () => {
    const gpus = [aGpu({ memoryMib: 10_000 })];
    // 800 of this card, 100 of a card of 80,000: 100 × (1 − (0 + 0.2 ÷ 8) ÷ 2) = 98.75.
    const state = new FleetState({
      hosts: [
        aHost({ id: "a", freeCpuMilli: 1000, gpus }),
        { ...largest, gpus: gpusOf("z", 8, { memoryMib: 80_000, freeMemoryMib: 80_000 }) },
      ],
    });
    const scorer = scorerOf("best-fit", state, { typical: [], draw: drawFrom(1) });

    expect(
      scorer.score(requestShape(state, aRequest({ gpu: aSliceRequest({ memoryMib: 8_000 }) }), 0), 0),
    ).toBe(98);
  });

  test("a closed host is nobody's measure, however large it claims to be", () => {
    const impossible = {
      ...largest,
      id: "y",
      gpus: [],
      closed: CLOSED,
      totalCpuMilli: 2_147_483_647_000,
    };
    const state = new FleetState({ hosts: [aHost({ id: "a", ...eightCards }), impossible, largest] });
    const scorer = scorerOf("best-fit", state, { typical: [], draw: drawFrom(1) });

    expect(scorer.score(requestShape(state, aRequest({ cpuMilli: 64_000 }), 0), 0)).toBe(25);
  });
});

test("what is free is measured by another size where one is given, whatever hosts there are", () => {
  const state = new FleetState({ hosts: [aHost({ id: "a", ...eightCards })] });
  const largest = { cpuMilli: 256_000, gpuThousandths: 16_000 };
  const shape = requestShape(state, aRequest({ cpuMilli: 64_000, gpu: aWholeRequest(4) }), 0);
  const scoreBy = (policy: Policy) =>
    scorerOf(policy, state, { typical: [], draw: drawFrom(1), largest }).score(shape, 0);

  // A quarter of its CPU and a quarter of its cards stay free.
  expect((["best-fit", "spread", "packing", "default", "fgd"] as const).map(scoreBy)).toEqual([
    75, 25, 75, 75, 75,
  ]);
});

describe("spread", () => {
  test.each<[string, Partial<HostCapacity>, Partial<PlacementRequest>, number]>([
    ["nothing of the largest host", eightCards, { cpuMilli: 0 }, 100],
    ["all of it", eightCards, { cpuMilli: 128_000, gpu: aWholeRequest(8) }, 0],
    ["half of its cards", eightCards, { cpuMilli: 0, gpu: aWholeRequest(4) }, 75],
  ])("%s", (_what, host, request, score) => {
    expect(scoreOf("spread", host, request)).toBe(score);
  });
});

describe("packing", () => {
  const cut = aGpu({ uuid: "GPU-a-0", use: "shared", freeShareThousandths: 400 });
  const idle = aGpu({ uuid: "GPU-a-1", index: 1 });
  const inUse = { totalCpuMilli: 20_000, freeCpuMilli: 16_000 };
  const slice = (shareThousandths: number) => ({ gpu: aSliceRequest({ shareThousandths }) });

  test.each<[string, Partial<HostCapacity>, Partial<PlacementRequest>, number]>([
    ["a slice on a card that is cut", { gpus: [cut, idle] }, slice(400), 4],
    ["a slice for which the cut card is too full", { gpus: [cut, idle] }, slice(401), 0],
    ["a slice on an idle card of a host in use", { ...inUse, gpus: [idle] }, slice(400), 2],
    ["a whole card of a host in use", { ...inUse, gpus: [idle] }, { gpu: aWholeRequest(1) }, 2],
    ["a whole card beside a cut one", { gpus: [cut, idle] }, { gpu: aWholeRequest(1) }, 0],
    ["a whole card of a host where nothing runs", { gpus: [idle] }, { gpu: aWholeRequest(1) }, 0],
  ])("%s", (_what, host, request, hundreds) => {
    expect(Math.floor(scoreOf("packing", host, request) / 100)).toBe(hundreds);
  });

  test("of equal places the tighter is better", () => {
    const tight = scoreOf("packing", { gpus: gpusOf("a", 1) }, { gpu: aWholeRequest(1) });
    const loose = scoreOf("packing", { gpus: gpusOf("a", 2) }, { gpu: aWholeRequest(1) });

    expect(tight).toBeGreaterThan(loose);
  });
});

describe("the card that a slice takes", () => {
  const gpus = [
    aGpu({ uuid: "0", index: 0 }),
    aGpu({ uuid: "1", index: 1, use: "shared", freeShareThousandths: 300 }),
    aGpu({ uuid: "2", index: 2, use: "shared", freeShareThousandths: 600, freeMemoryMib: 9_000 }),
    aGpu({ uuid: "3", index: 3, use: "shared", freeShareThousandths: 600, freeMemoryMib: 8_000 }),
    aGpu({ uuid: "4", index: 4, use: "shared", freeShareThousandths: 600, freeMemoryMib: 8_000 }),
    aGpu({ uuid: "5", index: 5 }),
  ];

  function cardOf(policy: Policy, shareThousandths: number): number {
    const state = new FleetState({ hosts: [aHost({ gpus })] });
    const scorer = scorerOf(policy, state, { typical: [], draw: drawFrom(1) });
    return scorer.cardFor(requestShape(state, aRequest({ gpu: aSliceRequest({ shareThousandths }) }), 0), 0);
  }

  test.each<[Policy, number, number]>([
    // The tightest share, then the tightest memory, then the first.
    ["best-fit", 300, 1],
    ["best-fit", 301, 3],
    ["best-fit", 601, 0],
    ["packing", 301, 3],
    ["default", 301, 3],
    ["spread", 300, 0],
    ["spread", 1000, 0],
  ])("%s: a slice of %i is cut from card %i", (policy, share, card) => {
    expect(cardOf(policy, share)).toBe(card);
  });

  test("random takes any that fits, and only those", () => {
    const state = new FleetState({ hosts: [aHost({ gpus })] });
    const scorer = scorerOf("random", state, { typical: [], draw: drawFrom(1) });
    const shape = requestShape(state, aRequest({ gpu: aSliceRequest({ shareThousandths: 600 }) }), 0);

    const cards = new Set(Array.from({ length: 200 }, () => scorer.cardFor(shape, 0)));

    expect(cards).toEqual(new Set([0, 2, 3, 4, 5]));
    expect(scorer.score(shape, 0)).toBe(0);
  });
});

test.each<[Policy, number[]]>([
  // Where CPU is no usual order's matter, taking it loses no GPU: 0 by our measure, 50 by the published one.
  ["default", [25, 25, 0]],
  ["fgd", [25, 50, 50]],
])("%s is best-fit where nothing is known of what is usual", (policy, scores) => {
  const state = new FleetState({ hosts: [aHost({ id: "a", ...eightCards }), largest] });
  const shape = requestShape(state, aRequest({ cpuMilli: 64_000 }), 0);
  const knowledge = [[], [aCountedShape({ gpuCount: 0 })], [aCountedShape()]];

  expect(
    knowledge.map((typical) => scorerOf(policy, state, { typical, draw: drawFrom(1) }).score(shape, 0)),
  ).toEqual(scores);
});
