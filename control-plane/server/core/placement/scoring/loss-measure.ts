/**
 * How much GPU counts as lost on a host, and the score of losing more. One of two measures: the published one (what
 * usual orders could not use), and ours, which adds what of the cards will be left over once they are filled
 * (card-remainder.ts) and what is beyond the CPU and memory that are left. How scarce a kind of card is in the whole fleet is
 * card-scarcity.ts.
 */
import type { CountedShape } from "./typical-shapes.ts";

/** What is free of a host's open cards, in sums over them, and beside them. */
export interface Sums {
  /** Free thousandths. */
  free: number;
  /** Thousandths that will be left over. */
  rest: number;
  /** Thousandths × orders that usual orders can use. */
  usable: number;
  freeCpuMilli: number;
  freeMemoryMib: number;
}

/** What a measure knows of the usual orders. */
export interface Usual {
  orders: number;
  /** Thousandths of a GPU, CPU and memory that all orders with GPU ask for together. */
  gpu: number;
  cpuMilli: number;
  memoryMib: number;
}

export function usualOf(typical: readonly CountedShape[]): Usual {
  const usual: Usual = { orders: 0, gpu: 0, cpuMilli: 0, memoryMib: 0 };
  for (const { count, gpuCount, shareThousandths, cpuMilli, totalMemoryMib } of typical) {
    usual.orders += count;
    if (gpuCount === 0) continue;
    usual.gpu += count * gpuCount * shareThousandths;
    usual.cpuMilli += count * cpuMilli;
    usual.memoryMib += totalMemoryMib;
  }
  return usual;
}

/** What is lost of a host, and the score of losing so much more, both in whole numbers. */
export interface Measure {
  /** Whether GPU that an order may never use counts as lost to it. */
  others: "lost" | "no matter";
  lost(sums: Sums, usual: Usual): number;
  score(moreLost: number, usual: Usual): number;
}

/**
 * Scores are coarse on purpose: hosts that differ by less are taken in the fixed order, so that work gathers on the
 * first ones. Exact scores are measurably worse (`npm run bench:placement`).
 */
export const THOUSANDTHS_PER_POINT = 40;

/** The fragmentation of the paper, with its score: trunc(100 · sigmoid(less lost ÷ 1000)). */
export const lostGpu: Measure = {
  others: "lost",
  lost: ({ free, usable }, { orders }) => orders * free - usable,
  score: (moreLost, { orders }) => sigmoidPoints(-moreLost, orders),
};

/**
 * Twice what usual orders cannot use, once what will be left over, once what is stranded: free GPU beyond what the free
 * CPU or the free memory is enough for, at the usual CPU and memory per GPU. Cards of a model that an order may not use
 * are none of its losses, or rare models would be used up first. Found by trying on the published lists and on others
 * made from them; the figures change little between half and twice each weight.
 */
export const strandedGpu: Measure = {
  others: "no matter",
  lost: ({ free, usable, rest, freeCpuMilli, freeMemoryMib }, { orders, gpu, cpuMilli, memoryMib }) => {
    const served = Math.min(
      Math.floor((freeCpuMilli * gpu) / Math.max(1, cpuMilli)),
      Math.floor((freeMemoryMib * gpu) / Math.max(1, memoryMib)),
    );
    return 2 * (orders * free - usable) + orders * (rest + Math.max(0, free - served));
  },
  score: (moreLost, { orders }) => Math.floor((0 - moreLost) / (2 * THOUSANDTHS_PER_POINT * orders)),
};

/** For each score from 1 to 99 the least x with 100 · sigmoid(x / 1000) ≥ score, in millionths. */
const SIGMOID_STEPS = Array.from({ length: 99 }, (_, index) =>
  Math.round(1_000_000 * Math.log((index + 1) / (99 - index))),
);

function sigmoidPoints(lessLost: number, orders: number): number {
  let low = 0;
  let high = SIGMOID_STEPS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((SIGMOID_STEPS[middle] as number) * orders <= lessLost * 1000) low = middle + 1;
    else high = middle;
  }
  return low;
}
