/**
 * What this server hears of cards until it is written down: of each card and bucket a few numbers, however often it is
 * read. Everything here is lost with the server, which is at most what it heard in the bucket that is open.
 */
import {
  bucketOf,
  type GpuReading,
  type Measure,
  MEASURES,
  type Readings,
  type Spread,
} from "./gpu-reading.ts";

interface HeardCard {
  readonly hostId: string;
  readonly uuid: string;
  readonly readings: Readings;
}

/** What is written at once: cards of one bucket. */
export interface HeardCards {
  readonly atMs: number;
  readonly cards: readonly HeardCard[];
}

/** The open one, and closed ones that could not be written yet; the oldest goes for a newer one. */
const MAX_BUCKETS = 3;
/** As many as a host may have (store/reports/health/gpu-inventory.ts): one that makes cards up comes no further. */
const MAX_CARDS_OF_HOST = 512;
/** What the columns hold. No card comes near. */
const MOST: Record<Measure, number> = {
  utilization: 100,
  memory_used: 2_147_483_647,
  temperature: 32_767,
  power: 32_767,
};

interface Tally {
  min: number;
  max: number;
  sum: number;
  count: number;
}

type CardTally = { samples: number } & Record<Measure, Tally | null>;
type HostTallies = Map<string, CardTally>;
type Bucket = Map<string, HostTallies>;

export class GpuTallies {
  readonly #buckets = new Map<number, Bucket>();

  /** One card as a host tells of it at that moment. */
  note(card: { hostId: string; uuid: string; reading: GpuReading; atMs: number }): void {
    const bucket = this.#bucketAt(bucketOf(card.atMs));
    const host = bucket.get(card.hostId) ?? new Map<string, CardTally>();
    bucket.set(card.hostId, host);
    const tally = host.get(card.uuid) ?? {
      samples: 0,
      utilization: null,
      memory_used: null,
      temperature: null,
      power: null,
    };
    if (tally.samples === 0 && host.size === MAX_CARDS_OF_HOST) return;
    host.set(card.uuid, tally);
    tally.samples += 1;
    for (const measure of MEASURES) {
      const value = card.reading[measure];
      if (value !== null) tally[measure] = withOne(tally[measure], Math.min(value, MOST[measure]));
    }
  }

  /**
   * Cards of one bucket other than that of this moment, about so many; null when there are none. It is any other bucket,
   * so that a clock which was set back leaves none behind. With `all` that of this moment is meant, too.
   */
  next({ nowMs, all, limit }: { nowMs: number; all: boolean; limit: number }): HeardCards | null {
    const open = bucketOf(nowMs);
    const found = [...this.#buckets].find(([atMs]) => all || atMs !== open);
    if (found === undefined) return null;
    const [atMs, hosts] = found;
    const cards: HeardCard[] = [];
    for (const [hostId, host] of hosts) {
      if (cards.length >= limit) break;
      for (const [uuid, tally] of host) cards.push({ hostId, uuid, readings: readingsOf(tally) });
    }
    return { atMs, cards };
  }

  /** They are written: what is written twice counts twice. */
  forget({ atMs, cards }: HeardCards): void {
    const bucket = this.#buckets.get(atMs);
    for (const { hostId } of cards) bucket?.delete(hostId);
    if (bucket?.size === 0) this.#buckets.delete(atMs);
  }

  #bucketAt(atMs: number): Bucket {
    const known = this.#buckets.get(atMs);
    if (known !== undefined) return known;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined && this.#buckets.size === MAX_BUCKETS) this.#buckets.delete(oldest);
    const bucket: Bucket = new Map();
    this.#buckets.set(atMs, bucket);
    return bucket;
  }
}

function withOne(tally: Tally | null, value: number): Tally {
  if (tally === null) return { min: value, max: value, sum: value, count: 1 };
  return {
    min: Math.min(tally.min, value),
    max: Math.max(tally.max, value),
    sum: tally.sum + value,
    count: tally.count + 1,
  };
}

function readingsOf({ samples, ...tallies }: CardTally): Readings {
  return {
    samples,
    utilization: spreadOf(tallies.utilization),
    memory_used: spreadOf(tallies.memory_used),
    temperature: spreadOf(tallies.temperature),
    power: spreadOf(tallies.power),
  };
}

function spreadOf(tally: Tally | null): Spread | null {
  if (tally === null) return null;
  return {
    min: Math.round(tally.min),
    mean: Math.round(tally.sum / tally.count),
    max: Math.round(tally.max),
  };
}
