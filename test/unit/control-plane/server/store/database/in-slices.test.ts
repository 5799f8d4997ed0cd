import { expect, test } from "vitest";
import { inSlices } from "@remotegpu/control-plane/server/store/database/in-slices";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** How many turns of the loop others had until it was done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const turn = () => {
    if (isDone) return;
    turns += 1;
    setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isDone = true;
  return turns;
}

test.each([0, 1, 499, 500, 501, 1_777])("of %i things each is made once, in their order", async (count) => {
  const made = await inSlices(numbers(count), (item, index) => [item, index]);

  expect(made).toEqual(numbers(count).map((item) => [item, item]));
});

test("what comes one by one is taken as it comes", async () => {
  function* squares() {
    for (const n of numbers(1_200)) yield n * n;
  }

  expect(await inSlices(squares(), (square) => -square)).toEqual(numbers(1_200).map((n) => -n * n));
});

test.each([
  [500, 0],
  [501, 1],
  [5_000, 9],
])("others have had their turn: with %i things %i times", async (count, turns) => {
  expect(await turnsDuring(() => inSlices(numbers(count), (item) => item))).toBe(turns);
});

test("where one cannot be made, whoever waits for all is notified", async () => {
  const made = inSlices(numbers(1_000), (item) => {
    if (item === 700) throw new RangeError("700 cannot be made");
    return item;
  });

  await expect(made).rejects.toThrow("700 cannot be made");
});
