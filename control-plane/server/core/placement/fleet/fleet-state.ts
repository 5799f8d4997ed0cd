/**
 * What is free, as columns of numbers: one row per host in the order of the ids, one per card, a host's cards side by
 * side with the smallest first. Every change is written into a log, from which indexes repair themselves. What a host
 * or card is called and where it stands does not change here and stays in the snapshot.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { assertSound, byId } from "./fleet.ts";
import type { Fleet, GpuCapacity, GpuUse, HostCapacity } from "./fleet.ts";

/** What is taken of a host beside its cards. */
export interface Demand {
  cpuMilli: number;
  memoryMib: number;
  tempStorageMib: number;
  /** Who pays, where some host takes workloads of one payer at a time; left out elsewhere. */
  payer?: number;
}

/** What is taken of one card: all of it, or a slice. */
export interface CardDemand {
  card: number;
  /** Null for the whole card. */
  memoryMib: number | null;
  shareThousandths: number;
}

/** Everything that changes of one host. */
export interface HostRoom {
  freeCpuMilli: number;
  freeMemoryMib: number;
  freeTempStorageMib: number;
  /** Null where anybody shares the host. */
  payers: ReadonlyMap<number, number> | null;
  cards: { use: number; freeShare: number; freeCardMib: number }[];
}

/** Cards that are alike: what fits one of them when idle fits them all. */
export interface CardKind {
  model: string;
  memoryMib: number;
}

const USES: readonly GpuUse[] = ["idle", "exclusive", "shared"];
export const IDLE = 0;
const EXCLUSIVE = 1;
const SHARED = 2;

/** Changes remembered per host; an index that missed more builds itself anew. */
const LOG_PER_HOST = 4;

export class FleetState {
  readonly hosts: readonly HostCapacity[];
  readonly freeCpuMilli: Float64Array;
  readonly freeMemoryMib: Float64Array;
  readonly freeTempStorageMib: Float64Array;
  /** Thousandths that are free on the host's open cards together. */
  readonly freeGpu: Int32Array;
  /** The cards of host `h` are those from `firstCard[h]` to before `firstCard[h + 1]`. */
  readonly firstCard: Int32Array;

  readonly cards: readonly GpuCapacity[];
  readonly kinds: readonly CardKind[];
  readonly kindOf: Int32Array;
  /** Thousandths that are free by kind, on open cards of open hosts. */
  readonly freeOfKind: Float64Array;
  /** 1 where something new may land on the card. */
  readonly isOpen: Uint8Array;
  readonly use: Uint8Array;
  readonly freeShare: Int32Array;
  readonly freeCardMib: Float64Array;
  /** By host: how many placements of each payer it has; null where anybody shares it. */
  readonly #payers: (ReadonlyMap<number, number> | null)[];

  /** How many changes there have been. */
  changes = 0;
  /** How many of them gave something back; while there are none, what did not fit does not fit. */
  gifts = 0;
  readonly #log: Int32Array;
  readonly #ordinals = new Map<string, number>();
  readonly #cardNumbers = new Map<string, number>();

  /** @throws UnsoundFleetError when the snapshot contradicts itself */
  constructor(fleet: Fleet) {
    assertSound(fleet);
    this.hosts = fleet.hosts.toSorted(byId);
    this.freeCpuMilli = Float64Array.from(this.hosts, (host) => host.freeCpuMilli);
    this.freeMemoryMib = Float64Array.from(this.hosts, (host) => host.freeMemoryMib);
    this.freeTempStorageMib = Float64Array.from(this.hosts, (host) => host.freeTempStorageMib);
    this.firstCard = new Int32Array(this.hosts.length + 1);
    const cards: GpuCapacity[] = [];
    for (const [ordinal, host] of this.hosts.entries()) {
      this.#ordinals.set(host.id, ordinal);
      cards.push(...host.gpus.toSorted((a, b) => a.memoryMib - b.memoryMib || a.index - b.index));
      this.firstCard[ordinal + 1] = cards.length;
    }
    this.cards = cards;
    for (const [number, card] of cards.entries()) this.#cardNumbers.set(card.uuid, number);
    const kinds = new Map<string, number>();
    this.kindOf = Int32Array.from(cards, (card) => {
      const key = `${card.memoryMib} ${card.model}`;
      const kind = kinds.get(key) ?? kinds.size;
      kinds.set(key, kind);
      return kind;
    });
    const kindList: CardKind[] = [];
    for (const [number, { model, memoryMib }] of cards.entries())
      kindList[this.kindOf[number] as number] ??= { model, memoryMib };
    this.kinds = kindList;
    this.isOpen = Uint8Array.from(cards, (card) => Number(card.closed === null));
    this.use = Uint8Array.from(cards, (card) => USES.indexOf(card.use));
    this.freeShare = Int32Array.from(cards, (card) => card.freeShareThousandths);
    this.freeCardMib = Float64Array.from(cards, (card) => card.freeMemoryMib);
    this.freeGpu = new Int32Array(this.hosts.length);
    this.freeOfKind = new Float64Array(kindList.length);
    for (const host of this.hosts.keys())
      for (let card = this.firstCard[host] as number; card < (this.firstCard[host + 1] as number); card += 1)
        if (this.isOpen[card] === 1) this.#moveFree(host, card, this.freeShare[card] as number);
    this.#payers = this.hosts.map(({ payers }) => payers ?? null);
    this.#log = new Int32Array(Math.max(1, LOG_PER_HOST * this.hosts.length));
  }

  /** Whether nobody but `payer` has something of the host, or anybody may share it. Of nobody's there may be none. */
  isOpenTo(host: number, payer: number | undefined): boolean {
    return hasNoOtherPayer(this.#payers[host] ?? null, payer);
  }

  /** How many placements have to end before the host is open to `payer`; 0 where anybody shares it. */
  placementsOfOthers(host: number, payer: number | undefined): number {
    let placements = 0;
    for (const [other, count] of this.#payers[host] ?? []) if (other !== payer) placements += count;
    return placements;
  }

  ordinalOf(hostId: string): number | null {
    return this.#ordinals.get(hostId) ?? null;
  }

  cardOf(uuid: string): number | null {
    return this.#cardNumbers.get(uuid) ?? null;
  }

  take(host: number, demand: Demand, cards: readonly CardDemand[]): void {
    this.#countPayer(host, demand, 1);
    this.#move(host, demand, -1);
    for (const { card, memoryMib, shareThousandths } of cards) {
      this.use[card] = memoryMib === null ? EXCLUSIVE : SHARED;
      this.#moveShare(host, card, -shareThousandths);
      const left = memoryMib === null ? 0 : (this.freeCardMib[card] as number) - memoryMib;
      this.freeCardMib[card] = left;
    }
  }

  /** The opposite of `take`: a card that is whole again is idle. */
  give(host: number, demand: Demand, cards: readonly CardDemand[]): void {
    this.gifts += 1;
    this.#countPayer(host, demand, -1);
    this.#move(host, demand, 1);
    for (const { card, memoryMib, shareThousandths } of cards) {
      const { memoryMib: size } = this.kinds[this.kindOf[card] as number] as CardKind;
      // What is given back may have been counted as less, as where a card's size is told anew.
      const held = THOUSANDTHS - (this.freeShare[card] as number);
      this.#moveShare(host, card, Math.min(held, shareThousandths));
      this.freeCardMib[card] =
        memoryMib === null ? size : Math.min(size, (this.freeCardMib[card] as number) + memoryMib);
      if (this.freeShare[card] === THOUSANDTHS && this.freeCardMib[card] === size) this.use[card] = IDLE;
    }
  }

  rowOf(host: number): HostRoom {
    const cards: HostRoom["cards"] = [];
    const end = this.firstCard[host + 1] as number;
    for (let card = this.firstCard[host] as number; card < end; card += 1)
      cards.push({
        use: this.use[card] as number,
        freeShare: this.freeShare[card] as number,
        freeCardMib: this.freeCardMib[card] as number,
      });
    return {
      freeCpuMilli: this.freeCpuMilli[host] as number,
      freeMemoryMib: this.freeMemoryMib[host] as number,
      freeTempStorageMib: this.freeTempStorageMib[host] as number,
      payers: this.#payers[host] ?? null,
      cards,
    };
  }

  setRow(host: number, row: HostRoom): void {
    this.gifts += 1;
    this.freeCpuMilli[host] = row.freeCpuMilli;
    this.freeMemoryMib[host] = row.freeMemoryMib;
    this.freeTempStorageMib[host] = row.freeTempStorageMib;
    this.#payers[host] = row.payers;
    const first = this.firstCard[host] as number;
    for (const [index, { use, freeShare, freeCardMib }] of row.cards.entries()) {
      this.#moveShare(host, first + index, freeShare - (this.freeShare[first + index] as number));
      this.use[first + index] = use;
      this.freeCardMib[first + index] = freeCardMib;
    }
    this.#note(host);
  }

  /** Makes the host what is free in both of two states of the same fleet. */
  meet(host: number, one: FleetState, other: FleetState): void {
    const here = one.rowOf(host);
    const there = other.rowOf(host);
    this.setRow(host, {
      freeCpuMilli: Math.min(here.freeCpuMilli, there.freeCpuMilli),
      freeMemoryMib: Math.min(here.freeMemoryMib, there.freeMemoryMib),
      freeTempStorageMib: Math.min(here.freeTempStorageMib, there.freeTempStorageMib),
      payers: mostOfEach(here.payers, there.payers),
      cards: here.cards.map((card, index) => leastOf(card, there.cards[index] ?? card)),
    });
  }

  #countPayer(host: number, { payer }: Demand, sign: 1 | -1): void {
    const before = this.#payers[host] ?? null;
    if (before === null || payer === undefined) return;
    const after = new Map(before);
    const count = (before.get(payer) ?? 0) + sign;
    if (count > 0) after.set(payer, count);
    else after.delete(payer);
    this.#payers[host] = after;
  }

  #moveShare(host: number, card: number, thousandths: number): void {
    this.freeShare[card] = (this.freeShare[card] as number) + thousandths;
    if (this.isOpen[card] === 1) this.#moveFree(host, card, thousandths);
  }

  #moveFree(host: number, card: number, thousandths: number): void {
    this.freeGpu[host] = (this.freeGpu[host] as number) + thousandths;
    if (this.hosts[host]?.closed !== null) return;
    const kind = this.kindOf[card] as number;
    this.freeOfKind[kind] = (this.freeOfKind[kind] as number) + thousandths;
  }

  #move(host: number, demand: Demand, sign: 1 | -1): void {
    const total = this.hosts[host] as HostCapacity;
    // Never beyond what the host has, whatever is said to be given back.
    const moved = (free: number, most: number, amount: number) =>
      sign < 0 ? free - amount : Math.min(Math.max(free, most), free + amount);
    const { cpuMilli, memoryMib, tempStorageMib } = demand;
    const freeTemp = this.freeTempStorageMib[host] as number;
    this.freeCpuMilli[host] = moved(this.freeCpuMilli[host] as number, total.totalCpuMilli, cpuMilli);
    this.freeMemoryMib[host] = moved(this.freeMemoryMib[host] as number, total.totalMemoryMib, memoryMib);
    this.freeTempStorageMib[host] = moved(freeTemp, total.totalTempStorageMib, tempStorageMib);
    this.#note(host);
  }

  #note(host: number): void {
    this.#log[this.changes % this.#log.length] = host;
    this.changes += 1;
  }

  /** The host of each change from number `from` on, doubles included; null where the log does not reach back so far. */
  changedSince(from: number): { log: Int32Array; from: number; to: number } | null {
    return this.changes - from > this.#log.length ? null : { log: this.#log, from, to: this.changes };
  }

  /** The host as it stands, for whoever explains. */
  capacityOf(host: number): HostCapacity {
    const before = this.hosts[host] as HostCapacity;
    const first = this.firstCard[host] as number;
    const payers = this.#payers[host] ?? null;
    return {
      ...before,
      ...(payers !== null && { payers }),
      freeCpuMilli: this.freeCpuMilli[host] as number,
      freeMemoryMib: this.freeMemoryMib[host] as number,
      freeTempStorageMib: this.freeTempStorageMib[host] as number,
      gpus: this.cards
        .slice(first, this.firstCard[host + 1])
        .map((card, index) => ({
          ...card,
          use: USES[this.use[first + index] as number] as GpuUse,
          freeShareThousandths: this.freeShare[first + index] as number,
          freeMemoryMib: this.freeCardMib[first + index] as number,
        }))
        .sort((a, b) => a.index - b.index),
    };
  }

  toFleet(): Fleet {
    return { hosts: this.hosts.map((_, host) => this.capacityOf(host)) };
  }
}

/** Whether what is there is of `payer` alone; null is a host that anybody shares. */
export function hasNoOtherPayer(
  payers: ReadonlyMap<number, number> | null,
  payer: number | undefined,
): boolean {
  if (payers === null || payers.size === 0) return true;
  return payer !== undefined && payers.size === 1 && payers.has(payer);
}

function mostOfEach(one: HostRoom["payers"], other: HostRoom["payers"]): HostRoom["payers"] {
  if (one === null || other === null) return one ?? other;
  const counts = [...one, ...other].map(
    ([payer, count]) => [payer, Math.max(count, one.get(payer) ?? 0, other.get(payer) ?? 0)] as const,
  );
  return new Map(counts);
}

type CardRow = HostRoom["cards"][number];

function leastOf(one: CardRow, other: CardRow): CardRow {
  const isHeld = one.use === EXCLUSIVE || other.use === EXCLUSIVE;
  const isIdle = one.use === IDLE && other.use === IDLE;
  return {
    use: isHeld ? EXCLUSIVE : isIdle ? IDLE : SHARED,
    freeShare: Math.min(one.freeShare, other.freeShare),
    freeCardMib: Math.min(one.freeCardMib, other.freeCardMib),
  };
}
