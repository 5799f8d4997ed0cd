/**
 * What a host and its cards are worth to a shape: how much more GPU would be lost by taking it there, as a score. What
 * counts as lost is a measure's to say (loss-measure.ts); the sums that it needs are kept card by card here.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { CardScarcity } from "./card-scarcity.ts";
import { cardRemainders } from "./card-remainder.ts";
import { type FleetState, IDLE } from "../fleet/fleet-state.ts";
import { UsableGpu } from "./fragmentation.ts";
import { type Measure, type Sums, type Usual, usualOf } from "./loss-measure.ts";
import { cardTakes, type RequestShape } from "../fleet/request-shape.ts";
import type { CountedShape } from "./typical-shapes.ts";
import { wholeCardsOf } from "../fleet/whole-cards.ts";

const NOTHING = { cpuMilli: 0, memoryMib: 0 };

export class FragmentationScorer {
  readonly #state: FleetState;
  readonly #usable: UsableGpu;
  readonly #remainders: Int32Array;
  readonly #usual: Usual;
  readonly #measure: Measure;
  /** Of the host that is looked at: idle cards by the group of orders that may use them. */
  readonly #idle: Int32Array;
  readonly #before: Sums = { free: 0, rest: 0, usable: 0, freeCpuMilli: 0, freeMemoryMib: 0 };
  readonly #after: Sums = { free: 0, rest: 0, usable: 0, freeCpuMilli: 0, freeMemoryMib: 0 };
  /** Of the last slice that was scored. */
  #bestCard = -1;

  readonly scarcity?: CardScarcity;

  constructor(
    state: FleetState,
    typical: readonly CountedShape[],
    { measure, scarcity }: { measure: Measure; scarcity?: CardScarcity },
  ) {
    if (scarcity !== undefined) this.scarcity = scarcity;
    this.#state = state;
    this.#usable = new UsableGpu(state, typical, measure);
    this.#remainders = cardRemainders(typical);
    this.#measure = measure;
    this.#idle = new Int32Array(this.#usable.groupCount);
    this.#usual = usualOf(typical);
  }

  score(shape: RequestShape, host: number): number {
    const lost = this.#lostWith(this.#before, host, NOTHING);
    const lostAfter = this.#lostWith(this.#after, host, shape);
    const rank = this.#usable.rankOfCpu(this.#after.freeCpuMilli);
    if (shape.cardCount === 0) return this.#measure.score(lostAfter - lost, this.#usual);
    return shape.isSlice
      ? this.#scoreSlice(shape, host, { lost, rank })
      : this.#scoreWhole(shape, host, { lost, rank });
  }

  cardFor(shape: RequestShape, host: number): number {
    this.score(shape, host);
    return this.#bestCard;
  }

  /** Fills the sums of the host as it is but for CPU and memory, of which so much is taken, and says what is lost. */
  #lostWith(
    sums: Sums,
    host: number,
    { cpuMilli, memoryMib }: { cpuMilli: number; memoryMib: number },
  ): number {
    const state = this.#state;
    sums.freeCpuMilli = (state.freeCpuMilli[host] as number) - cpuMilli;
    sums.freeMemoryMib = (state.freeMemoryMib[host] as number) - memoryMib;
    const rank = this.#usable.rankOfCpu(sums.freeCpuMilli);
    sums.free = 0;
    sums.rest = 0;
    sums.usable = 0;
    this.#idle.fill(0);
    const end = state.firstCard[host + 1] as number;
    for (let card = state.firstCard[host] as number; card < end; card += 1) {
      const free = state.freeShare[card] as number;
      if (free === 0 || state.isOpen[card] === 0) continue;
      const kind = state.kindOf[card] as number;
      sums.free += free;
      sums.rest += this.#remainders[free] as number;
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
    sums.rest += (this.#remainders[free - share] as number) - (this.#remainders[free] as number);
    sums.usable += usable.ofCard(kind, rank, free - share) - usable.ofCard(kind, rank, free);
    if (state.use[card] !== IDLE) return;
    for (const group of usable.groupsOfKind[kind] as readonly number[]) {
      const idle = this.#idle[group] as number;
      sums.usable += usable.ofIdleCards(group, rank, idle - 1) - usable.ofIdleCards(group, rank, idle);
    }
  }
}
