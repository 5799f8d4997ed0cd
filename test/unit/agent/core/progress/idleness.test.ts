/** Whether a container does anything, from two looks at what it has used. */
import { describe, expect, test } from "vitest";
import {
  afterSample,
  idleMs,
  type CardLoad,
  type ActivitySample,
} from "@remotegpu/agent/core/progress/idleness";

const BOUNDS = { cpuMilli: 4_000, otherRanks: 0 };
const FIRST: ActivitySample = {
  nowMs: 100_000,
  cpuMs: 5_000,
  networkBytes: 1_000,
  lastOutputAgeMs: null,
  cards: [],
};
const CARD: CardLoad = { powerW: 80, powerLimitW: 700, utilizationPercent: 100 };
const after = (change: Partial<ActivitySample>, bounds = BOUNDS, first = FIRST) =>
  idleMs(
    afterSample(
      afterSample(null, first, bounds),
      { ...first, nowMs: first.nowMs + 10_000, ...change },
      bounds,
    ),
  );

test("the first sample finds nobody idle, and what does nothing is idle since then", () => {
  const first = afterSample(null, FIRST, BOUNDS);
  const second = afterSample(first, { ...FIRST, nowMs: 110_000 }, BOUNDS);
  const third = afterSample(second, { ...FIRST, nowMs: 125_000 }, BOUNDS);

  expect([first, second, third].map(idleMs)).toEqual([0, 10_000, 25_000]);
});

test("who works once is idle from that sample on", () => {
  const idle = afterSample(afterSample(null, FIRST, BOUNDS), { ...FIRST, nowMs: 160_000 }, BOUNDS);
  const worked = afterSample(idle, { ...FIRST, nowMs: 170_000, cpuMs: 6_000 }, BOUNDS);
  const again = afterSample(worked, { ...FIRST, nowMs: 175_000, cpuMs: 6_000 }, BOUNDS);

  expect([idle, worked, again].map(idleMs)).toEqual([60_000, 0, 5_000]);
});

describe("within 10 seconds", () => {
  test.each<[string, Partial<ActivitySample>, boolean]>([
    ["a line written since", { lastOutputAgeMs: 9_999 }, true],
    ["the last line from before", { lastOutputAgeMs: 10_000 }, false],
    ["a twentieth of a core", { cpuMs: 5_500 }, false],
    ["a little more of a core", { cpuMs: 5_501 }, true],
    ["8 KiB a second of traffic", { networkBytes: 1_000 + 81_920 }, false],
    ["a little more traffic", { networkBytes: 1_000 + 81_921 }, true],
    ["processor time that is not told", { cpuMs: null }, true],
    ["traffic that is not told", { networkBytes: null }, true],
  ])("%s → works: %s", (_what, change, works) => {
    expect(after(change) === 0).toBe(works);
  });

  test("a small share of a core is a share of what it was given", () => {
    expect(after({ cpuMs: 5_051 }, { cpuMilli: 100, otherRanks: 0 })).toBe(0);
    expect(after({ cpuMs: 5_050 }, { cpuMilli: 100, otherRanks: 0 })).toBe(10_000);
  });

  test("what agents request through their ranks is no traffic of a gang", () => {
    const requested = { networkBytes: 1_000 + 160_000 };

    expect(after(requested)).toBe(0);
    expect(after(requested, { cpuMilli: 4_000, otherRanks: 1 })).toBe(10_000);
    expect(after({ networkBytes: 1_000 + 250_000 }, { cpuMilli: 4_000, otherRanks: 1 })).toBe(0);
  });
});

describe("a container with cards", () => {
  const SPINS = { cpuMs: 15_000 };
  test.each<[string, CardLoad[], boolean]>([
    ["near rest, at full utilization", [CARD], false],
    ["at a quarter of its power", [{ ...CARD, powerW: 175 }], false],
    ["beyond a quarter of its power", [{ ...CARD, powerW: 176 }], true],
    ["of which one works", [CARD, { ...CARD, powerW: 600 }], true],
    ["without power, at 5 % of utilization", [{ ...CARD, powerW: null, utilizationPercent: 5 }], false],
    ["without power, at 6 % of utilization", [{ ...CARD, powerW: null, utilizationPercent: 6 }], true],
    [
      "that report nothing, so that its processors count",
      [{ ...CARD, powerW: null, utilizationPercent: null }],
      true,
    ],
  ])("%s, while its processors spin → works: %s", (_what, cards, works) => {
    expect(after({ ...SPINS, cards }) === 0).toBe(works);
  });
});
