/**
 * Places requests one after the other in a fleet whose columns it keeps, with one index per shape. Deterministic: the
 * same fleet, requests and seed give the same places. placement.ts makes a plain function of it.
 */
import { type Draw, drawFrom } from "./scoring/draw.ts";
import type { Fleet } from "./fleet/fleet.ts";
import { type CardDemand, FleetState } from "./fleet/fleet-state.ts";
import type { PlacementRequest, Spread } from "./fleet/fits-on.ts";
import { gangRoom } from "./gang.ts";
import { type HostClasses, hostClasses } from "./fleet/host-classes.ts";
import { HostIndex, UNFIT } from "./fleet/host-index.ts";
import { type HostSize, type Policy, type Scorer, scorerOf } from "./scoring/policies.ts";
import { fitsNow, requestShape, type RequestShape, shapeKey } from "./fleet/request-shape.ts";
import { assertSoundRequest } from "./fleet/sound-request.ts";
import type { CountedShape } from "./scoring/typical-shapes.ts";
import { wholeCardsOf } from "./fleet/whole-cards.ts";

export interface PlacementOptions {
  policy: Policy;
  /** For policies that draw; the others do not. */
  seed: number;
  /** Milliseconds since 1970, to tell which skips of pools and hosts have passed. */
  now: number;
  /** What is usually ordered (typicalShapes); without it the policies that weigh fragmentation are best-fit. */
  typical?: readonly CountedShape[];
  /** By what best-fit, packing and spread measure what is free; the largest open host where left out. */
  largest?: HostSize;
}

/** One instance's place in the numbers of the fleet's state. */
export interface Place {
  host: number;
  cards: CardDemand[];
}

/** Indexes kept at a time, about the one asked longest ago is dropped; each takes some 20 bytes per host. */
const MAX_INDEXES = 256;

/** The parts of a host's value, from the weightiest: one island, the policy's score, the image. */
const ISLAND_VALUE = 2 ** 29;
const SCORE_STEP = 2;
/** Scores begin at 0 with it, however large a host is. */
const LEAST_SCORE = -(2 ** 26);
const MOST_SCORE = 2 ** 26;

interface Indexed {
  shape: RequestShape;
  index: HostIndex;
  /** The fewest instances that did not fit when so much had been given back. */
  refused: { instances: number; distinctHosts: boolean; gifts: number } | null;
}

export class Placer {
  readonly state: FleetState;
  readonly #policy: Policy;
  readonly #now: number;
  readonly #draw: Draw;
  readonly #scorer: Scorer;
  readonly #classes: HostClasses;
  /** By class of hosts, of the shape that is placed. */
  readonly #handicaps: Int32Array;
  readonly #indexes = new Map<string, Indexed>();
  /** By workload and host: how many of its instances are there, with those placed here. */
  readonly #spread = new Map<string, Map<number, number>>();

  /** @throws UnsoundFleetError when the snapshot contradicts itself */
  constructor(fleet: Fleet, { policy, seed, now, typical = [], largest }: PlacementOptions) {
    this.state = new FleetState(fleet);
    this.#policy = policy;
    this.#now = now;
    this.#draw = drawFrom(seed);
    this.#scorer = scorerOf(policy, this.state, { typical, draw: this.#draw, largest });
    this.#classes = this.#scorer.scarcity?.classes ?? hostClasses(this.state.hosts.length, () => "");
    this.#handicaps = new Int32Array(this.#classes.members.length);
  }

  /**
   * Places and takes them, all or none: null. The places are in the order of the ranks.
   * @throws UnsoundRequestError before anything is taken
   */
  place(request: PlacementRequest): Place[] | null {
    const indexed = this.#indexed(request);
    if (request.instances !== 1) return this.#placeGang(request, indexed);
    return request.spread === undefined
      ? this.#placeOne(indexed)
      : this.#placeSpread(indexed, request.spread);
  }

  /** Of the hosts that take it those with the fewest of its workload, and of these the best. */
  #placeSpread(indexed: Indexed, spread: Spread): Place[] | null {
    const there = this.#countsOf(spread);
    const values = indexed.index.values();
    const open = new Set<number>();
    let fewest = Infinity;
    for (const host of this.state.hosts.keys()) {
      if (values[host] === UNFIT) continue;
      const count = there.get(host) ?? 0;
      if (count > fewest) continue;
      if (count < fewest) open.clear();
      fewest = count;
      open.add(host);
    }
    const host = this.#bestOf(open, indexed);
    if (host === null) return null;
    there.set(host, fewest + 1);
    return [this.#take(indexed.shape, host)];
  }

  #countsOf({ over, held }: Spread): Map<number, number> {
    const known = this.#spread.get(over);
    if (known !== undefined) return known;
    const made = new Map<number, number>();
    for (const [id, count] of held) {
      const host = this.state.ordinalOf(id);
      if (host !== null) made.set(host, count);
    }
    this.#spread.set(over, made);
    return made;
  }

  #placeOne(indexed: Indexed): Place[] | null {
    const host =
      this.#policy === "random"
        ? this.#drawHost(indexed)
        : indexed.index.best(this.#handicapsFor(indexed.shape));
    return host === null ? null : [this.#take(indexed.shape, host)];
  }

  /** What is taken off the values of hosts, by their class. Null where all are alike in it. */
  #handicapsFor(shape: RequestShape): Int32Array | null {
    const { scarcity } = this.#scorer;
    if (scarcity === undefined || this.#handicaps.length < 2 || shape.cardCount === 0) return null;
    scarcity.weigh(shape, this.#handicaps);
    for (let number = 0; number < this.#handicaps.length; number += 1)
      this.#handicaps[number] = Math.min(MOST_SCORE, this.#handicaps[number] as number) * SCORE_STEP;
    return this.#handicaps;
  }

  /** How many of its instances would fit now. */
  fitting(request: PlacementRequest): number {
    const { shape, index } = this.#indexed(request);
    if (request.instances === 1) return index.best() === null ? 0 : 1;
    return gangRoom(this.state, shape, request).fitting;
  }

  /** Whether `place` would place it; without an index of its own, for shapes that are asked about once. */
  hasRoom(request: PlacementRequest): boolean {
    assertSoundRequest(request);
    const shape = requestShape(this.state, request, this.#now);
    if (request.instances !== 1) return gangRoom(this.state, shape, request).racks !== null;
    for (let host = 0; host < this.state.hosts.length; host += 1)
      if (fitsNow(this.state, shape, host)) return true;
    return false;
  }

  fitsOn(request: PlacementRequest, host: number): boolean {
    return fitsNow(this.state, this.shapeOf(request), host);
  }

  /** Gives back what `place` took. */
  release(request: PlacementRequest, places: readonly Place[]): void {
    for (const { host, cards } of places) {
      this.state.give(host, request, cards);
      if (request.spread === undefined) continue;
      const there = this.#countsOf(request.spread);
      there.set(host, (there.get(host) ?? 1) - 1);
    }
  }

  shapeOf(request: PlacementRequest): RequestShape {
    return this.#indexed(request).shape;
  }

  #placeGang(request: PlacementRequest, indexed: Indexed): Place[] | null {
    const { shape, refused } = indexed;
    const { instances, distinctHosts } = request;
    if (
      refused?.gifts === this.state.gifts &&
      refused.instances <= instances &&
      (distinctHosts || !refused.distinctHosts)
    )
      return null;
    const { racks } = gangRoom(this.state, shape, request);
    if (racks === null) {
      indexed.refused = { instances, distinctHosts, gifts: this.state.gifts };
      return null;
    }
    const places: Place[] = [];
    for (const hosts of racks) {
      const open = new Set(hosts);
      while (places.length < request.instances) {
        const host = this.#bestOf(open, indexed);
        if (host === null) break;
        places.push(this.#take(shape, host));
        if (request.distinctHosts || !fitsNow(this.state, shape, host)) open.delete(host);
      }
    }
    return places;
  }

  #bestOf(hosts: ReadonlySet<number>, { shape, index }: Indexed): number | null {
    const values = index.values();
    const handicaps = this.#handicapsFor(shape);
    let best: number | null = null;
    let most = 0;
    for (const host of hosts) {
      const value = values[host] as number;
      if (value === UNFIT) continue;
      const worth = value - (handicaps?.[this.#classes.classOf[host] as number] ?? 0);
      if (best !== null && worth <= most) continue;
      best = host;
      most = worth;
    }
    return best;
  }

  #drawHost({ index }: Indexed): number | null {
    const fitting: number[] = [];
    const values = index.values();
    for (const host of this.state.hosts.keys()) if (values[host] !== UNFIT) fitting.push(host);
    return fitting[this.#draw(fitting.length)] ?? null;
  }

  #take(shape: RequestShape, host: number): Place {
    const place = { host, cards: this.#cardsOf(shape, host) };
    this.state.take(host, shape, place.cards);
    return place;
  }

  #cardsOf(shape: RequestShape, host: number): CardDemand[] {
    if (shape.cardCount === 0) return [];
    const chosen = shape.isSlice
      ? [this.#scorer.cardFor(shape, host)]
      : wholeCardsOf(this.state, shape, host).cards;
    return chosen.map((card) => ({
      card,
      memoryMib: shape.isSlice ? shape.sliceMib : null,
      shareThousandths: shape.shareOfKind[this.state.kindOf[card] as number] as number,
    }));
  }

  #indexed(request: PlacementRequest): Indexed {
    assertSoundRequest(request);
    const key = shapeKey(request, this.#now);
    const known = this.#indexes.get(key);
    if (known !== undefined) {
      // The one asked last is dropped last.
      if (this.#indexes.size === MAX_INDEXES) {
        this.#indexes.delete(key);
        this.#indexes.set(key, known);
      }
      return known;
    }
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size < MAX_INDEXES) break;
      this.#indexes.delete(oldest);
    }
    const shape = requestShape(this.state, request, this.#now);
    const made: Indexed = {
      shape,
      refused: null,
      index: new HostIndex(this.state, this.#classes, (host) => this.#valueOf(shape, host)),
    };
    this.#indexes.set(key, made);
    return made;
  }

  #valueOf(shape: RequestShape, host: number): number {
    if (!fitsNow(this.state, shape, host)) return UNFIT;
    const score = Math.min(MOST_SCORE, Math.max(LEAST_SCORE, this.#scorer.score(shape, host))) - LEAST_SCORE;
    const value = score * SCORE_STEP + (shape.hasImage?.[host] ?? 0);
    const isSeveral = !shape.isSlice && shape.cardCount > 1;
    return isSeveral && wholeCardsOf(this.state, shape, host).isOneIsland ? value + ISLAND_VALUE : value;
  }
}
