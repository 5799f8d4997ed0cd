import { expect, test } from "vitest";
import { drawFrom, shuffled } from "@remotegpu/control-plane/server/core/placement/scoring/draw";

/** The seed that would make a generator of zeroes. */
const ZERO_SEED = 0x9e3779b9;

function numbersOf(seed: number, count: number, below: number): number[] {
  const draw = drawFrom(seed);
  return Array.from({ length: count }, () => draw(below));
}

test("the same seed draws the same numbers", () => {
  expect(numbersOf(7, 20, 1000)).toEqual(numbersOf(7, 20, 1000));
});

test("a thousand seeds that lie side by side all draw something else", () => {
  const drawn = Array.from({ length: 1000 }, (_, seed) => numbersOf(seed, 3, 1_000_000).join(" "));

  expect(new Set(drawn).size).toBe(1000);
});

test("what the first draws of neighbours share is chance", () => {
  const firsts = Array.from({ length: 10_000 }, (_, seed) => numbersOf(seed, 1, 10)[0] as number);
  const repeats = firsts.filter((first, seed) => first === firsts[seed - 1]).length;

  expect(repeats).toBeGreaterThan(800);
  expect(repeats).toBeLessThan(1200);
});

test.each([0, 1, -1, ZERO_SEED, 2 ** 32 - 1])("seed %i draws evenly, and never beyond its bound", (seed) => {
  const counts = [0, 0, 0, 0, 0, 0];
  for (const number of numbersOf(seed, 12_000, 6)) counts[number] = (counts[number] ?? 0) + 1;

  expect(counts).toHaveLength(6);
  for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(250);
});

test("of one thing there is one draw", () => {
  expect(numbersOf(3, 5, 1)).toEqual([0, 0, 0, 0, 0]);
});

test.each([[[]], [["a"]], [["a", "b", "c", "d", "e"]]])(
  "shuffling %j keeps them all, and the list",
  (items: string[]) => {
    const before = [...items];

    const copy = shuffled(items, drawFrom(1));

    expect(copy.toSorted()).toEqual(before);
    expect(items).toEqual(before);
  },
);

test("a shuffle puts anything anywhere", () => {
  const draw = drawFrom(5);
  const places = new Set<number>();
  for (let run = 0; run < 200; run += 1) places.add(shuffled([0, 1, 2, 3], draw).indexOf(0));

  expect(places.size).toBe(4);
});
