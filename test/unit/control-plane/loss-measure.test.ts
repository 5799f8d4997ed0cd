import { describe, expect, test } from "vitest";
import { lostGpu, strandedGpu, type Sums } from "@remotegpu/control-plane/core/placement/loss-measure";

/** Ten orders, each of a card and eight cores. */
const USUAL = { orders: 10, gpu: 10_000, cpu: 80_000 };
const sums = (change: Partial<Sums>): Sums => ({
  free: 0,
  rest: 0,
  usable: 0,
  freeCpuMilli: 1_000_000,
  ...change,
});

describe("the published measure", () => {
  test.each([
    { what: "all is free and of use", host: sums({ free: 1_000, usable: 10_000 }), lost: 0 },
    { what: "all is free and of no use", host: sums({ free: 1_000 }), lost: 10_000 },
    { what: "half of the orders can use it", host: sums({ free: 1_000, usable: 5_000 }), lost: 5_000 },
    {
      what: "CPU and rests are no matter",
      host: sums({ free: 1_000, rest: 900, usable: 10_000, freeCpuMilli: 0 }),
      lost: 0,
    },
  ])("$what: $lost", ({ host, lost }) => {
    expect(lostGpu.lost(host, USUAL)).toBe(lost);
  });

  test("its score is the sigmoid, cut off, at every thousandth from minus ten cards to ten", () => {
    const wrong: number[] = [];
    for (let more = -10_000; more <= 10_000; more += 1) {
      const score = Math.trunc(100 / (1 + Math.exp(more / 1_000)));
      if (lostGpu.score(more * USUAL.orders, USUAL) !== score) wrong.push(more);
    }

    expect(wrong).toEqual([]);
  });

  test.each([
    { more: 0, score: 50 },
    { more: 1, score: 49 },
    { more: -1_000_000_000, score: 99 },
    { more: 1_000_000_000, score: 0 },
  ])("$more more lost: $score", ({ more, score }) => {
    expect(lostGpu.score(more, { ...USUAL, orders: 1 })).toBe(score);
  });
});

describe("the default measure", () => {
  test.each([
    { what: "all is of use and CPU is plenty", host: sums({ free: 1_000, usable: 10_000 }), lost: 0 },
    { what: "what nobody can use counts twice", host: sums({ free: 1_000, usable: 9_000 }), lost: 2_000 },
    {
      what: "what will be left over counts once",
      host: sums({ free: 1_000, rest: 60, usable: 10_000 }),
      lost: 600,
    },
    {
      what: "CPU for just all that is free",
      host: sums({ free: 1_000, usable: 10_000, freeCpuMilli: 8_000 }),
      lost: 0,
    },
    {
      what: "eight thousandths of CPU less strand one of GPU",
      host: sums({ free: 1_000, usable: 10_000, freeCpuMilli: 7_992 }),
      lost: 10,
    },
    {
      what: "one thousandth of CPU less does too",
      host: sums({ free: 1_000, usable: 10_000, freeCpuMilli: 7_999 }),
      lost: 10,
    },
    {
      what: "without CPU all is stranded",
      host: sums({ free: 1_000, usable: 10_000, freeCpuMilli: 0 }),
      lost: 10_000,
    },
  ])("$what: $lost", ({ host, lost }) => {
    expect(strandedGpu.lost(host, USUAL)).toBe(lost);
  });

  test("orders without CPU strand nothing where there is any", () => {
    const host = sums({ free: 1_000, usable: 10_000, freeCpuMilli: 1 });

    expect(strandedGpu.lost(host, { ...USUAL, cpu: 0 })).toBe(0);
  });

  test.each([
    { more: 0, score: 0 },
    { more: 1, score: -1 },
    { more: 800, score: -1 },
    { more: 801, score: -2 },
    { more: -799, score: 0 },
    { more: -800, score: 1 },
  ])("$more more lost: $score", ({ more, score }) => {
    expect(strandedGpu.score(more, USUAL)).toBe(score);
  });
});
