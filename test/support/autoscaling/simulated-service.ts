/**
 * A service as a queue: requests come by chance around a rate, wait in a bounded line, and are answered by replicas that
 * do ten at once and need a while to start. What finds the line full is lost. Time goes in slots of a tenth of a second.
 */
import { type Draw, drawFrom } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

export const SLOT_MS = 100;
/** What one replica does at once, and how long a request takes it in the mean: 20 requests a second. */
export const AT_ONCE = 10;
const ANSWER_MS = 500;
export const REPLICA_PER_SECOND = (AT_ONCE * MS_PER_SECOND) / ANSWER_MS;
const LINE = 200;
const START_MS = { least: 15 * MS_PER_SECOND, most: 25 * MS_PER_SECOND };
const ANSWERED_IN_SLOT = 1 - Math.exp(-SLOT_MS / ANSWER_MS);
/** Beyond the chance of each request the rate itself strays by so much, anew every two seconds. */
const NOISE = 0.1;
const NOISE_MS = 2 * MS_PER_SECOND;
/** From so many on a sum of chances is as good as normal. */
const MANY = 30;
const GRAIN = 1_000_000;

interface SimulatedReplica {
  id: string;
  readyAtMs: number;
}

export class SimulatedService {
  readonly #draw: Draw;
  #replicas: SimulatedReplica[];
  #born: number;
  #inSystem = 0;
  #noise = 1;
  nowMs = 0;
  requests = 0;
  lost = 0;
  replicaMs = 0;
  /** Since they were last asked for. */
  #window = { ms: 0, requests: 0, inSystem: 0, busy: 0 };

  /** @param replicas that are ready when it begins */
  constructor(replicas: number, seed: number) {
    this.#draw = drawFrom(seed);
    this.#replicas = Array.from({ length: replicas }, (_, index) => ({ id: `r${index}`, readyAtMs: 0 }));
    this.#born = replicas;
  }

  get wanted(): number {
    return this.#replicas.length;
  }

  ready(): string[] {
    return this.#replicas.filter(({ readyAtMs }) => readyAtMs <= this.nowMs).map(({ id }) => id);
  }

  /** Those that start go first, as the product lets them go. */
  scaleTo(replicas: number): void {
    while (this.#replicas.length < replicas) {
      const startMs = START_MS.least + this.#draw(START_MS.most - START_MS.least);
      this.#replicas.push({ id: `r${this.#born}`, readyAtMs: this.nowMs + startMs });
      this.#born += 1;
    }
    this.#replicas = this.#replicas.toSorted((a, b) => a.readyAtMs - b.readyAtMs).slice(0, replicas);
  }

  passSlot(requestsPerSecond: number): void {
    if (this.nowMs % NOISE_MS === 0) this.#noise = 1 + NOISE * (2 * this.#chance() - 1);
    this.nowMs += SLOT_MS;
    const slots = this.ready().length * AT_ONCE;
    const came = this.#poisson((requestsPerSecond * this.#noise * SLOT_MS) / MS_PER_SECOND);
    const taken = Math.min(came, Math.max(0, slots + LINE - this.#inSystem));
    const before = this.#inSystem + taken;
    const busy = Math.min(before, slots);
    this.#inSystem = before - this.#binomial(busy, ANSWERED_IN_SLOT);
    this.requests += came;
    this.lost += came - taken;
    this.replicaMs += SLOT_MS * this.#replicas.length;
    this.#window.ms += SLOT_MS;
    this.#window.requests += came;
    this.#window.inSystem += (before + this.#inSystem) / 2;
    this.#window.busy += (busy + Math.min(this.#inSystem, slots)) / 2;
  }

  /** What gateways and hosts would tell of the time since this was last asked. */
  reported(): { perSecond: number; inFlight: number; busy: number } {
    const { ms, requests, inSystem, busy } = this.#window;
    this.#window = { ms: 0, requests: 0, inSystem: 0, busy: 0 };
    const slots = ms / SLOT_MS;
    return { perSecond: (requests * MS_PER_SECOND) / ms, inFlight: inSystem / slots, busy: busy / slots };
  }

  #chance(): number {
    return this.#draw(GRAIN) / GRAIN;
  }

  #poisson(mean: number): number {
    if (mean > MANY) return this.#normal(mean, Math.sqrt(mean));
    const least = Math.exp(-mean);
    let came = 0;
    for (let product = this.#chance(); product > least; product *= this.#chance()) came += 1;
    return came;
  }

  #binomial(tries: number, chance: number): number {
    if (tries > MANY)
      return Math.min(tries, this.#normal(tries * chance, Math.sqrt(tries * chance * (1 - chance))));
    let hits = 0;
    for (let attempt = 0; attempt < tries; attempt += 1) if (this.#chance() < chance) hits += 1;
    return hits;
  }

  /** By Box and Muller (1958), rounded to a number of requests. */
  #normal(mean: number, deviation: number): number {
    const radius = Math.sqrt(-2 * Math.log((this.#draw(GRAIN) + 1) / GRAIN));
    return Math.max(0, Math.round(mean + deviation * radius * Math.cos(2 * Math.PI * this.#chance())));
  }
}
