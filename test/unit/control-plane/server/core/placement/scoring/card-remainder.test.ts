import { expect, test } from "vitest";
import { cardRemainders } from "@remotegpu/control-plane/server/core/placement/scoring/card-remainder";
import { aCountedShape } from "../../../../../../support/placement/fleet.ts";

const ordersOf = (...shares: readonly (readonly [share: number, count: number])[]) =>
  cardRemainders(shares.map(([shareThousandths, count]) => aCountedShape({ shareThousandths, count })));

test("of a full card nothing is left over", () => {
  expect(ordersOf([1000, 1])[0]).toBe(0);
  expect(cardRemainders([])[0]).toBe(0);
});

test("where nobody orders GPU, all that is free is left over", () => {
  const backoffs = cardRemainders([aCountedShape({ gpuCount: 0, shareThousandths: 0 })]);

  expect([backoffs[1], backoffs[500], backoffs[1000]]).toEqual([1, 500, 1000]);
});

test.each([
  // One order of 470 at most twice: what is below it is lost, and what two of them leave.
  { free: 469, rest: 469 },
  { free: 470, rest: 0 },
  { free: 471, rest: 1 },
  { free: 939, rest: 469 },
  { free: 940, rest: 0 },
  { free: 1000, rest: 60 },
])("with orders of 470 alone, $rest of $free are left over", ({ free, rest }) => {
  expect(ordersOf([470, 1])[free]).toBe(rest);
});

test("the more frequent order decides more of what is left over", () => {
  // 600 free: one of 600 leaves 0, one of 580 leaves 20; both are equally good, for 20 is less than 50.
  expect(ordersOf([600, 1], [580, 1])[600]).toBe(10);
  expect(ordersOf([600, 1], [580, 3])[600]).toBe(15);
});

test.each([
  // An order that leaves 49 counts as one that leaves nothing; 50 halve it, 100 halve it again.
  { leaves: 49, rest: 24 },
  { leaves: 50, rest: 16 },
  { leaves: 99, rest: 33 },
  { leaves: 100, rest: 20 },
])("an order that would leave $leaves is taken into account accordingly", ({ leaves, rest }) => {
  expect(ordersOf([600, 1], [600 - leaves, 1])[600]).toBe(rest);
});

test("an order of several cards counts once for each card, and work without GPU not at all", () => {
  const several = cardRemainders([
    aCountedShape({ gpuCount: 3, shareThousandths: 600 }),
    aCountedShape({ shareThousandths: 580 }),
    aCountedShape({ gpuCount: 0, shareThousandths: 600, count: 100 }),
  ]);

  expect(several[600]).toBe(5);
});

test("never is more left over than is free, and all are whole numbers", () => {
  const backoffs = ordersOf([810, 128], [470, 90], [320, 40], [160, 10], [7, 1]);

  for (const [free, rest] of backoffs.entries()) {
    expect(Number.isInteger(rest)).toBe(true);
    expect(rest).toBeGreaterThanOrEqual(0);
    expect(rest).toBeLessThanOrEqual(free);
  }
});
