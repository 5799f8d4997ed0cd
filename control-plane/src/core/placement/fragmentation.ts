/**
 * How much of a host's free GPU the usual orders could not use. The sum over the typical shapes, each by how often it
 * is ordered, of the GPU that it cannot use there: all that is free where it needs no GPU, its models are others, CPU
 * is short or too few cards have its share; else the cards with less than its share.
 * Source: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent",
 * USENIX ATC 2023. Looked up in tables here, since it is asked for every host and card that an order might take: what a
 * shape of one card can use is a sum over the cards, and what it cannot is the rest.
 */
import { THOUSANDTHS } from "@remotegpu/shared/units";
import type { FleetState } from "./fleet-state.ts";
import type { CountedShape } from "./typical-shapes.ts";

export class UsableGpu {
  /** How often anything was ordered: what is weighed by it is `orders` times too large. */
  readonly orders: number;
  /** The different CPU that shapes ask for, the least first. */
  readonly #cpuSteps: number[];
  /** By thousandths of a card: how many of the different shares are no larger. */
  readonly #shareRank: Uint8Array;
  /** Orders of one card with at most that CPU and share, by kind, CPU and share. */
  readonly #single: Float64Array;
  /** Thousandths of idle cards that orders of several can use, weighed, by kind, CPU and number of idle cards. */
  readonly #several: Float64Array;
  readonly #shares: number;
  readonly #cards: number;

  constructor(state: FleetState, typical: readonly CountedShape[]) {
    const withGpu = typical.filter(({ gpuCount }) => gpuCount > 0);
    this.orders = Math.max(
      1,
      typical.reduce((sum, { count }) => sum + count, 0),
    );
    this.#cpuSteps = [...new Set(withGpu.map(({ cpuMilli }) => cpuMilli))].sort((a, b) => a - b);
    const shares = [...new Set(withGpu.map(({ shareThousandths }) => shareThousandths))].sort(
      (a, b) => a - b,
    );
    this.#shareRank = Uint8Array.from(
      { length: THOUSANDTHS + 1 },
      (_, free) => shares.filter((share) => share <= free).length,
    );
    this.#shares = shares.length + 1;
    this.#cards = 1 + mostCards(state);
    const rows = state.kinds.length * (this.#cpuSteps.length + 1);
    this.#single = new Float64Array(rows * this.#shares);
    this.#several = new Float64Array(rows * this.#cards);
    for (const [kind, { model, memoryMib }] of state.kinds.entries())
      for (const shape of withGpu)
        if (memoryMib >= shape.leastMemoryMib && (shape.models?.includes(model) ?? true))
          this.#add(kind, shape);
  }

  #add(kind: number, { cpuMilli, gpuCount, shareThousandths, count }: CountedShape): void {
    for (let rank = this.rankOfCpu(cpuMilli); rank <= this.#cpuSteps.length; rank += 1) {
      const row = kind * (this.#cpuSteps.length + 1) + rank;
      const cells = gpuCount === 1 ? this.#single : this.#several;
      const width = gpuCount === 1 ? this.#shares : this.#cards;
      const from = gpuCount === 1 ? (this.#shareRank[shareThousandths] as number) : gpuCount;
      for (let cell = from; cell < width; cell += 1) {
        const weighed = gpuCount === 1 ? count : count * cell * THOUSANDTHS;
        cells[row * width + cell] = (cells[row * width + cell] as number) + weighed;
      }
    }
  }

  /** How many of the CPU steps are no larger: what can be used depends on no more of the free CPU than this. */
  rankOfCpu(freeCpuMilli: number): number {
    let low = 0;
    let high = this.#cpuSteps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#cpuSteps[middle] as number) <= freeCpuMilli) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What orders of one card can use of a card of the kind with so much free: thousandths × orders. */
  ofCard(kind: number, rank: number, freeShare: number): number {
    const row = kind * (this.#cpuSteps.length + 1) + rank;
    return freeShare * (this.#single[row * this.#shares + (this.#shareRank[freeShare] as number)] as number);
  }

  /** What orders of several cards can use of so many idle ones of the kind: thousandths × orders. */
  ofIdleCards(kind: number, rank: number, idle: number): number {
    const row = kind * (this.#cpuSteps.length + 1) + rank;
    return this.#several[row * this.#cards + idle] as number;
  }
}

function mostCards(state: FleetState): number {
  let most = 0;
  for (const host of state.hosts) most = Math.max(most, host.gpus.length);
  return most;
}
