/**
 * How much of a host's free GPU the usual orders could not use. The sum over the typical shapes, each by how often it
 * is ordered, of the GPU that it cannot use there: all that is free where it needs no GPU, its models are others, CPU
 * is short or too few cards have its share; else the cards with less than its share.
 * Source: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent",
 * USENIX ATC 2023. Looked up in tables here, since it is asked for every host and card that an order might take: what a
 * shape of one card can use is a sum over the cards, and what it cannot is the rest.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { CardKind, FleetState } from "../fleet/fleet-state.ts";
import type { CountedShape } from "./typical-shapes.ts";

export class UsableGpu {
  /** How often anything was ordered: what is weighed by it is `orders` times too large. */
  readonly orders: number;
  /** The different CPU that shapes ask for, the least first. */
  readonly #cpuSteps: number[];
  /** By thousandths of a card: how many of the different shares are no larger. */
  readonly #shareRank: Uint16Array;
  /** Orders of one card with at most that CPU and share, by kind, CPU and share. */
  readonly #single: Float64Array;
  /**
   * By kind of card: the groups of orders of several cards that may use it. Orders that may use the same kinds are one
   * group, since a host's idle cards of all these kinds count together.
   */
  readonly groupsOfKind: readonly (readonly number[])[];
  readonly groupCount: number;
  /** Orders of several with at most that CPU and so many cards, by group, CPU and cards. */
  readonly #several: Float64Array;
  readonly #shares: number;
  readonly #cards: number;

  /** @param others whether GPU that an order may never use counts as lost to it, as published, or not at all */
  constructor(
    state: FleetState,
    typical: readonly CountedShape[],
    { others = "lost" }: { others?: "lost" | "no matter" } = {},
  ) {
    const withGpu = typical.filter(({ gpuCount }) => gpuCount > 0);
    this.orders = typical.reduce((sum, { count }) => sum + count, 0);
    this.#cpuSteps = [...new Set(withGpu.map(({ cpuMilli }) => cpuMilli))].sort((a, b) => a - b);
    const shares = [...new Set(withGpu.map(({ shareThousandths }) => shareThousandths))].sort(
      (a, b) => a - b,
    );
    this.#shareRank = Uint16Array.from(
      { length: THOUSANDTHS + 1 },
      (_, free) => shares.filter((share) => share <= free).length,
    );
    this.#shares = shares.length + 1;
    this.#cards = 1 + mostCards(state);
    const { kinds } = state;
    this.#single = new Float64Array(kinds.length * (this.#cpuSteps.length + 1) * this.#shares);
    for (const [kind, card] of kinds.entries())
      for (const shape of withGpu)
        if (!suits(card, shape)) {
          if (others === "no matter") this.#add(this.#single, this.#row(kind, 0) * this.#shares, shape.count);
        } else if (shape.gpuCount === 1) {
          const row = this.#row(kind, this.rankOfCpu(shape.cpuMilli));
          const share = this.#shareRank[shape.shareThousandths] as number;
          this.#add(this.#single, row * this.#shares + share, shape.count);
        }
    this.#sumUp(this.#single, this.#shares);
    const groups = Map.groupBy(
      withGpu.filter(({ gpuCount }) => gpuCount > 1),
      (shape) => kinds.map((card) => Number(suits(card, shape))).join(""),
    );
    this.groupCount = groups.size;
    this.groupsOfKind = kinds.map((_, kind) =>
      [...groups.keys()].flatMap((suited, group) => (suited[kind] === "1" ? [group] : [])),
    );
    this.#several = new Float64Array(groups.size * (this.#cpuSteps.length + 1) * this.#cards);
    for (const [group, shapes] of [...groups.values()].entries())
      for (const { cpuMilli, gpuCount, count } of shapes)
        if (gpuCount < this.#cards)
          this.#add(
            this.#several,
            this.#row(group, this.rankOfCpu(cpuMilli)) * this.#cards + gpuCount,
            count,
          );
    this.#sumUp(this.#several, this.#cards);
  }

  #add(table: Float64Array, cell: number, count: number): void {
    table[cell] = (table[cell] as number) + count;
  }

  /** Makes each cell the sum of those with no more CPU and no more of the column's share or cards. */
  #sumUp(table: Float64Array, columns: number): void {
    const rows = this.#cpuSteps.length + 1;
    for (let cell = 0; cell < table.length; cell += 1)
      if (cell % columns > 0) this.#add(table, cell, table[cell - 1] as number);
    for (let cell = columns; cell < table.length; cell += 1)
      if (Math.floor(cell / columns) % rows > 0) this.#add(table, cell, table[cell - columns] as number);
  }

  /** Of a kind or a group, at that much CPU. */
  #row(kindOrGroup: number, rank: number): number {
    return kindOrGroup * (this.#cpuSteps.length + 1) + rank;
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
    const share = this.#shareRank[freeShare] as number;
    return freeShare * (this.#single[this.#row(kind, rank) * this.#shares + share] as number);
  }

  /** What the group's orders can use of so many idle cards that they may use: thousandths × orders. */
  ofIdleCards(group: number, rank: number, idle: number): number {
    return idle * THOUSANDTHS * (this.#several[this.#row(group, rank) * this.#cards + idle] as number);
  }
}

/** Whether the shape may use such cards at all. */
export function suits({ model, memoryMib }: CardKind, { models, leastMemoryMib }: CountedShape): boolean {
  return memoryMib >= leastMemoryMib && (models?.includes(model) ?? true);
}

function mostCards(state: FleetState): number {
  let most = 0;
  for (const host of state.hosts) most = Math.max(most, host.gpus.length);
  return most;
}
