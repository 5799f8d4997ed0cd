/**
 * How much GPU a host would lose by taking a shape, as a score. What counts as lost is one of two measures: the
 * published one (what usual orders could not use), and ours, which adds what of the cards will be left over once they
 * are filled (card-rest.ts) and what is beyond the CPU that is left.
 */
import { THOUSANDTHS } from "@remotegpu/shared/units";
import { cardRests } from "./card-rest.ts";
import { type FleetState, IDLE } from "./fleet-state.ts";
import { UsableGpu } from "./fragmentation.ts";
import { cardTakes, type RequestShape } from "./request-shape.ts";
import type { CountedShape } from "./typical-shapes.ts";
import { wholeCardsOf } from "./whole-cards.ts";

/** Sums over a host's open cards. */
interface Sums {
  /** Free thousandths. */
  free: number;
  /** Thousandths that will be left over. */
  rest: number;
  /** Thousandths × orders that usual orders can use. */
  usable: number;
  freeCpuMilli: number;
}

/** What a measure knows of the usual orders. */
interface Usual {
  orders: number;
  /** Thousandths of a GPU and of CPU that all orders with GPU ask for together. */
  gpu: number;
  cpu: number;
}

/** What is lost of a host, and the score of losing so much more, both in whole numbers. */
export interface Measure {
  lost(sums: Sums, usual: Usual): number;
  score(moreLost: number, usual: Usual): number;
}

/**
 * Scores are coarse on purpose: hosts that differ by less are taken in the fixed order, so that work gathers on the
 * first ones. Exact scores are measurably worse (`npm run bench:placement`).
 */
const THOUSANDTHS_PER_POINT = 40;

/** The fragmentation of the paper, with its score: trunc(100 · sigmoid(less lost ÷ 1000)). */
export const lostGpu: Measure = {
  lost: ({ free, usable }, { orders }) => orders * free - usable,
  score: (moreLost, { orders }) => sigmoidPoints(-moreLost, orders),
};

/**
 * Twice what usual orders cannot use, once what will be left over, once what is stranded: free GPU beyond the free CPU
 * at the usual CPU per GPU. Found by trying on the published lists and on twelve lists made from them; the figures
 * change little between half and twice each weight.
 */
export const strandedGpu: Measure = {
  lost: ({ free, usable, rest, freeCpuMilli }, { orders, gpu, cpu }) => {
    const stranded = Math.max(0, free - Math.floor((freeCpuMilli * gpu) / Math.max(1, cpu)));
    return 2 * (orders * free - usable) + orders * (rest + stranded);
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

export class FragmentationScorer {
  readonly #state: FleetState;
  readonly #usable: UsableGpu;
  readonly #rests: Int32Array;
  readonly #usual: Usual;
  readonly #measure: Measure;
  /** Of the host that is looked at: idle cards by the group of orders that may use them. */
  readonly #idle: Int32Array;
  readonly #before: Sums = { free: 0, rest: 0, usable: 0, freeCpuMilli: 0 };
  readonly #after: Sums = { free: 0, rest: 0, usable: 0, freeCpuMilli: 0 };
  /** Of the last slice that was scored. */
  #bestCard = -1;

  constructor(state: FleetState, typical: readonly CountedShape[], measure: Measure) {
    this.#state = state;
    this.#usable = new UsableGpu(state, typical);
    this.#rests = cardRests(typical);
    this.#measure = measure;
    this.#idle = new Int32Array(this.#usable.groupCount);
    const sum = (of: (shape: CountedShape) => number) =>
      typical.reduce((total, shape) => total + (shape.gpuCount > 0 ? shape.count * of(shape) : 0), 0);
    this.#usual = {
      orders: this.#usable.orders,
      gpu: sum(({ gpuCount, shareThousandths }) => gpuCount * shareThousandths),
      cpu: sum(({ cpuMilli }) => cpuMilli),
    };
  }

  score(shape: RequestShape, host: number): number {
    const freeCpuMilli = this.#state.freeCpuMilli[host] as number;
    const lost = this.#lostWith(this.#before, host, freeCpuMilli);
    const rank = this.#usable.rankOfCpu(freeCpuMilli - shape.cpuMilli);
    const lostAfter = this.#lostWith(this.#after, host, freeCpuMilli - shape.cpuMilli);
    if (shape.cardCount === 0) return this.#measure.score(lostAfter - lost, this.#usual);
    return shape.isSlice
      ? this.#scoreSlice(shape, host, { lost, rank })
      : this.#scoreWhole(shape, host, { lost, rank });
  }

  cardFor(shape: RequestShape, host: number): number {
    this.score(shape, host);
    return this.#bestCard;
  }

  /** Fills the sums of the host as it is, with so much CPU, and says what is lost. */
  #lostWith(sums: Sums, host: number, freeCpuMilli: number): number {
    const state = this.#state;
    const rank = this.#usable.rankOfCpu(freeCpuMilli);
    sums.free = 0;
    sums.rest = 0;
    sums.usable = 0;
    sums.freeCpuMilli = freeCpuMilli;
    this.#idle.fill(0);
    const end = state.firstCard[host + 1] as number;
    for (let card = state.firstCard[host] as number; card < end; card += 1) {
      const free = state.freeShare[card] as number;
      if (free === 0 || state.isOpen[card] === 0) continue;
      const kind = state.kindOf[card] as number;
      sums.free += free;
      sums.rest += this.#rests[free] as number;
      sums.usable += this.#usable.ofCard(kind, rank, free);
      if (state.use[card] === IDLE) this.#countIdle(kind, 1);
    }
    for (let group = 0; group < this.#idle.length; group += 1)
      sums.usable += this.#usable.ofIdleCards(group, rank, this.#idle[group] as number);
    return this.#measure.lost(sums, this.#usual);
  }

  /** The best card is the first of those with the best score. */
  #scoreSlice(shape: RequestShape, host: number, { lost, rank }: { lost: number; rank: number }): number {
    const state = this.#state;
    let best = Number.NEGATIVE_INFINITY;
    this.#bestCard = -1;
    const end = state.firstCard[host + 1] as number;
    const { free, rest, usable } = this.#after;
    for (let card = state.firstCard[host] as number; card < end; card += 1) {
      if (!cardTakes(state, shape, card)) continue;
      this.#cutCard(card, rank, shape.shareOfKind[state.kindOf[card] as number] as number);
      const score = this.#measure.score(this.#measure.lost(this.#after, this.#usual) - lost, this.#usual);
      this.#after.free = free;
      this.#after.rest = rest;
      this.#after.usable = usable;
      if (score > best) {
        best = score;
        this.#bestCard = card;
      }
    }
    return best;
  }

  #scoreWhole(shape: RequestShape, host: number, { lost, rank }: { lost: number; rank: number }): number {
    for (const card of wholeCardsOf(this.#state, shape, host).cards) {
      this.#cutCard(card, rank, THOUSANDTHS);
      this.#countIdle(this.#state.kindOf[card] as number, -1);
    }
    return this.#measure.score(this.#measure.lost(this.#after, this.#usual) - lost, this.#usual);
  }

  #countIdle(kind: number, more: 1 | -1): void {
    for (const group of this.#usable.groupsOfKind[kind] as readonly number[])
      this.#idle[group] = (this.#idle[group] as number) + more;
  }

  /** Moves the sums to what they are once the card has given that share. */
  #cutCard(card: number, rank: number, share: number): void {
    const state = this.#state;
    const kind = state.kindOf[card] as number;
    const free = state.freeShare[card] as number;
    const usable = this.#usable;
    const sums = this.#after;
    sums.free -= share;
    sums.rest += (this.#rests[free - share] as number) - (this.#rests[free] as number);
    sums.usable += usable.ofCard(kind, rank, free - share) - usable.ofCard(kind, rank, free);
    if (state.use[card] !== IDLE) return;
    for (const group of usable.groupsOfKind[kind] as readonly number[]) {
      const idle = this.#idle[group] as number;
      sums.usable += usable.ofIdleCards(group, rank, idle - 1) - usable.ofIdleCards(group, rank, idle);
    }
  }
}
