/** Which cards are an island of NVLink: those that reach each other, and never a guess. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isSwitched, nvlinkIslands, type NvlinkMap } from "@remotegpu/agent/core/gpus/nvlink-islands";
import { GpuUuid } from "@remotegpu/shared/values/ids";

const uuidOf = (index: number) => GpuUuid.parse(`GPU-card-${String(index).padStart(4, "0")}`);
const cardsOf = (indices: number[], inMig: number[] = []) =>
  indices.map((index) => ({ uuid: uuidOf(index), index, migEnabled: inMig.includes(index) }));

/** The numbers in the order of the cards. */
function islandsOf(indices: number[], links: [number, number][], inMig: number[] = []) {
  const islands = nvlinkIslands(cardsOf(indices, inMig), { cards: indices, links });
  return islands && indices.map((index) => islands.get(uuidOf(index)));
}

test.each<[string, number[], [number, number][], number[]]>([
  ["no card is no island", [], [], []],
  ["one card is an island of its own", [0], [], [0]],
  ["cards without links are islands of one", [0, 1, 2], [], [0, 1, 2]],
  ["a pair is one island, called by its lowest index", [0, 1], [[0, 1]], [0, 0]],
  [
    "two pairs are two",
    [0, 1, 2, 3],
    [
      [0, 1],
      [2, 3],
    ],
    [0, 0, 2, 2],
  ],
  [
    "pairs that are not neighbours",
    [0, 1, 2, 3],
    [
      [1, 3],
      [0, 2],
    ],
    [0, 1, 0, 1],
  ],
  [
    "a chain is one, in whatever order its links are reported",
    [0, 1, 2, 3],
    [
      [2, 3],
      [0, 1],
      [1, 2],
    ],
    [0, 0, 0, 0],
  ],
  ["indices may leave one out, as where a card is lost", [0, 2, 3], [[2, 3]], [0, 2, 2]],
])("%s", (_which, indices, links, islands) => {
  expect(islandsOf(indices, links)).toEqual(islands);
});

test("a card that MIG cuts up is alone, and the others stay joined", () => {
  const all: [number, number][] = [
    [0, 1],
    [0, 2],
    [1, 2],
  ];

  expect(islandsOf([0, 1, 2], all, [0])).toEqual([0, 1, 1]);
  expect(islandsOf([0, 1, 2], all, [0, 1, 2])).toEqual([0, 1, 2]);
});

test.each<[string, number[], number[]]>([
  ["lacks a card", [0, 1], [0]],
  ["has one more", [0, 1], [0, 1, 2]],
  ["has another one", [0, 1], [0, 2]],
  ["is of nothing", [0], []],
  ["has one twice", [0, 1], [0, 0]],
  ["has all and one twice", [0, 1], [0, 1, 1]],
])("a map that %s reports nothing of any card", (_which, indices, mapped) => {
  const map: NvlinkMap = { cards: mapped, links: [], switched: [] };

  expect(nvlinkIslands(cardsOf(indices), map)).toBeNull();
});

test("cards of one index are not distinguished", () => {
  const cards = [
    { uuid: uuidOf(0), index: 0, migEnabled: null },
    { uuid: uuidOf(1), index: 0, migEnabled: null },
  ];

  expect(nvlinkIslands(cards, { cards: [0, 0], links: [] })).toBeNull();
});

test("two cards are of one island exactly if a path of links leads from one to the other", () => {
  const size = 12;
  const index = fc.integer({ min: 0, max: size - 1 });
  fc.assert(
    fc.property(fc.array(fc.tuple(index, index), { maxLength: 20 }), (links) => {
      const indices = Array.from({ length: size }, (_, at) => at);
      const islands = islandsOf(indices, links) ?? [];
      const reached = (from: number) => {
        const seen = new Set([from]);
        for (const card of seen)
          for (const [one, other] of links) {
            if (one === card) seen.add(other);
            if (other === card) seen.add(one);
          }
        return seen;
      };

      for (const card of indices) {
        const together = indices.filter((other) => islands[other] === islands[card]);
        expect(together).toEqual([...reached(card)].toSorted((a, b) => a - b));
        expect(islands[card]).toBe(together[0]);
      }
    }),
  );
});

test.each([
  ["no peers", [], false],
  ["a bridged pair, or two cards behind a switch", [18], false],
  ["four cards that are joined directly", [6, 6, 6], false],
  ["one link more than any card has", [6, 6, 7], true],
  ["eight cards behind switches", [12, 12, 12, 12, 12, 12, 12], true],
])("%s: switches are between them: %j → %s", (_what, links, isBehind) => {
  expect(isSwitched(links)).toBe(isBehind);
});
