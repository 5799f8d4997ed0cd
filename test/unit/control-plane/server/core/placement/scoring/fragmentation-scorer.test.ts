import { describe, expect, test } from "vitest";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import type { GpuCapacity } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { FragmentationScorer } from "@remotegpu/control-plane/server/core/placement/scoring/fragmentation-scorer";
import {
  lostGpu,
  type Measure,
  strandedGpu,
} from "@remotegpu/control-plane/server/core/placement/scoring/loss-measure";
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { requestShape } from "@remotegpu/control-plane/server/core/placement/fleet/request-shape";
import type { CountedShape } from "@remotegpu/control-plane/server/core/placement/scoring/typical-shapes";
import {
  aCountedShape,
  aGpu,
  aHost,
  aRequest,
  aSliceRequest,
  aWholeRequest,
} from "../../../../../../support/placement/fleet.ts";

interface Scene {
  measure: Measure;
  /** Free thousandths of each card. */
  cards: number[];
  typical: Partial<CountedShape>[];
  request: Partial<PlacementRequest>;
  cpuMilli?: number;
  memoryMib?: number;
}

function scored({ measure, cards, typical, request, cpuMilli = 16_000, memoryMib = 1_000_000 }: Scene) {
  const gpus = cards.map((freeShareThousandths, index): GpuCapacity => {
    const use = freeShareThousandths === 1000 ? "idle" : "shared";
    return aGpu({ uuid: `GPU-${index}`, index, use, freeShareThousandths });
  });
  const state = new FleetState({
    hosts: [aHost({ gpus, freeCpuMilli: cpuMilli, freeMemoryMib: memoryMib })],
  });
  const scorer = new FragmentationScorer(state, typical.map(aCountedShape), { measure });
  const shape = requestShape(state, aRequest(request), 0);
  return { score: scorer.score(shape, 0), card: scorer.cardFor(shape, 0) };
}

const sliceOf = (shareThousandths: number) => ({ gpu: aSliceRequest({ shareThousandths }) });
const scoreOf = (scene: Scene) => scored(scene).score;

describe("the published measure", () => {
  test.each<{ what: string; scene: Omit<Scene, "measure">; score: number }>([
    // Nothing more is lost: 100 × sigmoid(0).
    {
      what: "what leaves all as usable as it was",
      scene: { cards: [1000], typical: [{}], request: { gpu: aWholeRequest(1) } },
      score: 50,
    },
    // 500 are left of which the usual order can use nothing: 100 × sigmoid(-0.5) = 37.75.
    {
      what: "what leaves half a card that nobody can use",
      scene: { cards: [1000], typical: [{}], request: sliceOf(500) },
      score: 37,
    },
    // The 500 that nobody could use are gone: 100 × sigmoid(0.5) = 62.24.
    {
      what: "what takes a rest that nobody could use",
      scene: { cards: [500], typical: [{}], request: sliceOf(500) },
      score: 62,
    },
    // Half of the orders could use the card: 250 on average.
    {
      what: "what half of the orders lose",
      scene: {
        cards: [1000],
        typical: [{}, { gpuCount: 0, shareThousandths: 0 }],
        request: { gpu: aWholeRequest(1) },
      },
      score: 62,
    },
    // Four cards are lost for want of CPU: 100 × sigmoid(-4) = 1.79.
    {
      what: "work without GPU that takes the CPU of four cards",
      scene: {
        cards: [1000, 1000, 1000, 1000],
        typical: [{ cpuMilli: 2000 }],
        request: { cpuMilli: 15_000 },
      },
      score: 1,
    },
    // Of two cards one stays, too few for the usual order: 1000 lost more, 100 × sigmoid(-1) = 26.89.
    {
      what: "one of the two cards that go together",
      scene: { cards: [1000, 1000], typical: [{ gpuCount: 2 }], request: { gpu: aWholeRequest(1) } },
      score: 26,
    },
    {
      what: "both of the two cards that go together",
      scene: { cards: [1000, 1000], typical: [{ gpuCount: 2 }], request: { gpu: aWholeRequest(2) } },
      score: 50,
    },
  ])("$what", ({ scene, score }) => {
    expect(scoreOf({ measure: lostGpu, ...scene })).toBe(score);
  });

  test("a slice takes the card on which the least is lost, the first of equals", () => {
    const scene = { measure: lostGpu, typical: [{}], request: sliceOf(500) };

    expect(scored({ ...scene, cards: [1000, 700, 600] })).toEqual({ score: 62, card: 1 });
    expect(scored({ ...scene, cards: [499, 1000, 1000] })).toEqual({ score: 37, card: 1 });
  });

  test("a card that is too full is not tried", () => {
    expect(scored({ measure: lostGpu, typical: [{}], request: sliceOf(500), cards: [499, 500] }).card).toBe(
      1,
    );
  });
});

describe("the default measure", () => {
  test.each<{ what: string; scene: Omit<Scene, "measure">; score: number }>([
    {
      what: "what leaves nothing more",
      scene: { cards: [1000], typical: [{}], request: { gpu: aWholeRequest(1) } },
      score: 0,
    },
    // Left are 500: unusable, counted twice, and left over, counted once: 1500 / 80 = 18.75.
    {
      what: "half a card that nobody can use",
      scene: { cards: [1000], typical: [{}], request: sliceOf(500) },
      score: -19,
    },
    // The other way about it is a gain of 1500.
    {
      what: "a rest that nobody could use",
      scene: { cards: [500], typical: [{}], request: sliceOf(500) },
      score: 18,
    },
    // Two orders of 470 leave 60 of the card; one taken leaves 530, which one can use, and the same 60.
    {
      what: "a slice beside which another fits",
      scene: { cards: [1000], typical: [{ shareThousandths: 470 }], request: sliceOf(470) },
      score: 0,
    },
  ])("$what", ({ scene, score }) => {
    expect(scoreOf({ measure: strandedGpu, ...scene })).toBe(score);
  });

  test.each([
    // Each usual order takes a card and 8 cores; with 16 cores for two cards none is stranded.
    { cpuMilli: 0, score: 0 },
    // 80 thousandths stranded are one point: 640 thousandths of CPU.
    { cpuMilli: 640, score: -1 },
    { cpuMilli: 641, score: -2 },
    { cpuMilli: 1280, score: -2 },
  ])("$cpuMilli of CPU taken alone: score $score", ({ cpuMilli, score }) => {
    const typical = [{ cpuMilli: 8000 }, { cpuMilli: 0, shareThousandths: 1, count: 0 }];

    expect(scoreOf({ measure: strandedGpu, cards: [1000, 1000], typical, request: { cpuMilli } })).toBe(
      score,
    );
  });
});

describe("memory that is short strands GPU as CPU does", () => {
  test.each([
    // Each usual order takes a card and 8 GiB; with 16 GiB for two cards none is stranded.
    { memoryMib: 0, score: 0 },
    // 80 thousandths stranded are one point: 655.36 MiB.
    { memoryMib: 655, score: -1 },
    { memoryMib: 656, score: -2 },
  ])("$memoryMib MiB taken alone: score $score", ({ memoryMib, score }) => {
    const typical = [{ totalMemoryMib: 8_192 }];
    const request = { cpuMilli: 0, memoryMib };

    expect(scoreOf({ measure: strandedGpu, cards: [1000, 1000], typical, request, memoryMib: 16_384 })).toBe(
      score,
    );
  });
});

test("cards of a model that an order may never use are lost to it by the published measure alone", () => {
  const typical = [{}, { models: ["other"] }];
  const scene = { cards: [1000, 1000], typical, request: { gpu: aWholeRequest(1) } };

  // Half of the orders lost the card already: 100 × sigmoid(0.5) = 62.24.
  expect(scoreOf({ measure: lostGpu, ...scene })).toBe(62);
  expect(scoreOf({ measure: strandedGpu, ...scene })).toBe(0);
});

test("whole cards are scored as those that are taken: of one island, here the other model's", () => {
  const gpus = [
    aGpu({ uuid: "1", index: 0, model: "A", island: 0 }),
    aGpu({ uuid: "2", index: 1, model: "A", island: 1 }),
    aGpu({ uuid: "3", index: 2, model: "B", island: 2 }),
    aGpu({ uuid: "4", index: 3, model: "B", island: 2 }),
  ];
  const state = new FleetState({ hosts: [aHost({ gpus })] });
  // Only cards of model A are of use to anybody: the two of model B were lost and are gone.
  const scorer = new FragmentationScorer(state, [aCountedShape({ models: ["A"] })], { measure: lostGpu });

  // 100 × sigmoid(2) = 88.08.
  expect(scorer.score(requestShape(state, aRequest({ gpu: aWholeRequest(2) }), 0), 0)).toBe(88);
});
