import { expect, test } from "vitest";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import type { GpuRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { requestShape } from "@remotegpu/control-plane/server/core/placement/fleet/request-shape";
import { wholeCardsOf } from "@remotegpu/control-plane/server/core/placement/fleet/whole-cards";
import { aGpu, CLOSED, aHost, aRequest, aWholeRequest } from "../../../../../../support/placement/fleet.ts";

interface Card {
  island?: number | null;
  isTaken?: boolean;
  memoryMib?: number;
  model?: string;
}

function chosen(cards: Card[], requestedGpu: GpuRequest) {
  const gpus = cards.map(({ isTaken = false, ...card }, index) =>
    aGpu({ uuid: `GPU-${index}`, index, use: isTaken ? "exclusive" : "idle", ...card }),
  );
  const state = new FleetState({ hosts: [aHost({ gpus })] });
  const shape = requestShape(state, aRequest({ gpu: requestedGpu }), 0);
  const { cards: numbers, isOneIsland } = wholeCardsOf(state, shape, 0);
  return { indexes: numbers.map((card) => state.cards[card]?.index), isOneIsland };
}

const islands = (...numbers: (number | null)[]): Card[] => numbers.map((island) => ({ island }));
const taken = (card: Card): Card => ({ ...card, isTaken: true });

test.each<{ what: string; cards: Card[]; count: number; indexes: number[]; isOneIsland: boolean }>([
  { what: "one card is the first", cards: islands(1, 0), count: 1, indexes: [0], isOneIsland: true },
  {
    what: "one card that is free",
    cards: [taken({ island: 0 }), { island: 0 }],
    count: 1,
    indexes: [1],
    isOneIsland: true,
  },
  {
    what: "an island that has just enough",
    cards: islands(0, 1, 1),
    count: 2,
    indexes: [1, 2],
    isOneIsland: true,
  },
  {
    what: "the tightest island",
    cards: islands(0, 0, 0, 1, 1),
    count: 2,
    indexes: [3, 4],
    isOneIsland: true,
  },
  {
    what: "the island with the fewest that are free",
    cards: [...islands(0, 0, 0), taken({ island: 0 }), ...islands(1, 1, 1, 1)],
    count: 2,
    indexes: [0, 1],
    isOneIsland: true,
  },
  {
    what: "the first of equal islands",
    cards: islands(0, 1, 0, 1),
    count: 2,
    indexes: [0, 2],
    isOneIsland: true,
  },
  { what: "an island of all", cards: islands(0, 0, 0), count: 3, indexes: [0, 1, 2], isOneIsland: true },
  {
    what: "as they come where no island has enough",
    cards: islands(0, 1, 1, 2),
    count: 3,
    indexes: [0, 1, 2],
    isOneIsland: false,
  },
  {
    what: "cards each of its own island",
    cards: islands(0, 1),
    count: 2,
    indexes: [0, 1],
    isOneIsland: false,
  },
  {
    what: "cards of which nothing is known",
    cards: islands(null, null, null),
    count: 2,
    indexes: [0, 1],
    isOneIsland: true,
  },
  {
    what: "a known island before what is unknown",
    cards: islands(null, null, 4, 4, 4),
    count: 2,
    indexes: [2, 3],
    isOneIsland: true,
  },
  {
    what: "what is unknown before two islands",
    cards: islands(0, null, 1, null),
    count: 2,
    indexes: [1, 3],
    isOneIsland: true,
  },
  {
    what: "one that is known beside one that is not",
    cards: islands(null, 0),
    count: 2,
    indexes: [0, 1],
    isOneIsland: true,
  },
  {
    what: "two that are known beside one that is not",
    cards: islands(null, 0, 1),
    count: 3,
    indexes: [0, 1, 2],
    isOneIsland: false,
  },
])("$what", ({ cards, count, indexes, isOneIsland }) => {
  expect(chosen(cards, aWholeRequest(count))).toEqual({ indexes, isOneIsland });
});

test("the smallest cards that do come first, in an island too", () => {
  const cards = [80_000, 24_576, 40_000, 24_576].map((memoryMib) => ({ memoryMib, island: 0 }));

  expect(chosen(cards, aWholeRequest(2)).indexes).toEqual([1, 3]);
  expect(chosen(cards, aWholeRequest(2, { leastMemoryMib: 40_000 })).indexes).toEqual([2, 0]);
});

test("cards of other models are none of an island's", () => {
  const cards = [
    { island: 0, model: "B" },
    { island: 0, model: "A" },
    { island: 1, model: "A" },
    { island: 1, model: "A" },
  ];

  expect(chosen(cards, aWholeRequest(2, { models: ["A"] }))).toEqual({ indexes: [2, 3], isOneIsland: true });
});

test("closed cards are none of an island's", () => {
  const gpus = [0, 0, 1, 1].map((island, index) =>
    aGpu({ uuid: `GPU-${index}`, index, island, closed: index === 0 ? CLOSED : null }),
  );
  const state = new FleetState({ hosts: [aHost({ gpus })] });

  const { cards } = wholeCardsOf(state, requestShape(state, aRequest({ gpu: aWholeRequest(2) }), 0), 0);

  expect(cards).toEqual([2, 3]);
});
