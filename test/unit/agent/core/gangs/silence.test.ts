/** From which ranks nothing is heard. */
import { expect, test } from "vitest";
import { heardAfter, silentRanks } from "@remotegpu/agent/core/gangs/silence";

const [ONE, OTHER] = ["10.224.0.129", "10.224.0.130"];
const requested = [ONE, OTHER];

test("a rank is silent 15 s after it was heard last, and not before", () => {
  const heardMs = new Map([[ONE, 1_000]]);

  expect(silentRanks(heardMs, 15_999)).toEqual([]);
  expect(silentRanks(heardMs, 16_000)).toEqual([ONE]);
});

test("one that was never heard counts from when it was begun to listen to it", () => {
  const first = heardAfter(new Map(), { requested, heard: new Set([ONE]) }, 1_000);
  const later = heardAfter(first, { requested, heard: new Set([ONE]) }, 16_000);

  expect(silentRanks(later, 16_000)).toEqual([OTHER]);
});

test("one that is heard again is silent no more", () => {
  const silent = new Map([[ONE, 0]]);

  const after = heardAfter(silent, { requested: [ONE], heard: new Set([ONE]) }, 60_000);

  expect(silentRanks(after, 60_000)).toEqual([]);
});
