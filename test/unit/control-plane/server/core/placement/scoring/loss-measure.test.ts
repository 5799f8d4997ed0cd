import { describe, expect, test } from "vitest";
import {
  lostGpu,
  strandedGpu,
  type Sums,
  usualOf,
} from "@remotegpu/control-plane/server/core/placement/scoring/loss-measure";
import { aCountedShape } from "../../../../../../support/placement/fleet.ts";

/** Ten orders, each of a card, eight cores and 4,000 MiB. */
const USUAL = { orders: 10, gpu: 10_000, cpuMilli: 80_000, memoryMib: 40_000 };
const sums = (change: Partial<Sums>): Sums => ({
  free: 0,
  rest: 0,
  usable: 0,
  freeCpuMilli: 1_000_000,
  freeMemoryMib: 1_000_000,
  ...change,
});

test("of work without GPU only the number counts, of the others what they request, each as often as it is ordered", () => {
  const usual = usualOf([
    aCountedShape({ gpuCount: 2, cpuMilli: 3_000, count: 4, totalMemoryMib: 500 }),
    aCountedShape({ shareThousandths: 250, cpuMilli: 100, count: 2, totalMemoryMib: 30 }),
    aCountedShape({ gpuCount: 0, shareThousandths: 0, cpuMilli: 9_000, count: 7, totalMemoryMib: 900 }),
  ]);

  expect(usual).toEqual({ orders: 13, gpu: 8_500, cpuMilli: 12_200, memoryMib: 530 });
});

describe("the published measure", () => {
  test.each([
    { what: "all is free and of use", host: sums({ free: 1_000, usable: 10_000 }), lost: 0 },
    { what: "all is free and of no use", host: sums({ free: 1_000 }), lost: 10_000 },
    { what: "half of the orders can use it", host: sums({ free: 1_000, usable: 5_000 }), lost: 5_000 },
    {
      what: "CPU, memory and rests are no matter",
      host: sums({ free: 1_000, rest: 900, usable: 10_000, freeCpuMilli: 0, freeMemoryMib: 0 }),
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
    {
      what: "memory for just all that is free",
      host: sums({ free: 1_000, usable: 10_000, freeMemoryMib: 4_000 }),
      lost: 0,
    },
    {
      what: "four MiB less strand one thousandth",
      host: sums({ free: 1_000, usable: 10_000, freeMemoryMib: 3_996 }),
      lost: 10,
    },
    {
      what: "what is short of CPU and of memory is stranded once",
      host: sums({ free: 1_000, usable: 10_000, freeCpuMilli: 6_000, freeMemoryMib: 2_000 }),
      lost: 5_000,
    },
  ])("$what: $lost", ({ host, lost }) => {
    expect(strandedGpu.lost(host, USUAL)).toBe(lost);
  });

  test("orders without CPU or memory strand nothing where there is any", () => {
    const host = sums({ free: 1_000, usable: 10_000, freeCpuMilli: 1, freeMemoryMib: 1 });

    expect(strandedGpu.lost(host, { ...USUAL, cpuMilli: 0, memoryMib: 0 })).toBe(0);
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
