/**
 * The fleet, kept for a few seconds: orders and questions come by the thousand a second. The empty one changes with its
 * hosts, by the day: what it allows may be out of date, which only makes an order wait, and a refusal is given by one
 * that was read after the order came. What is free now binds nobody: placement reads for itself.
 */
import type { Connection } from "../database/database.ts";
import { type EmptyFleet, emptyFleet } from "./empty-fleet.ts";
import { type FleetNow, fleetNow } from "./fleet-now.ts";

const KEPT_MS = 5_000;

interface Reading {
  db: Connection;
  now: () => Date;
}

class Kept<Fleet> {
  readonly #read: (now: Date) => Promise<Fleet>;
  readonly #now: () => Date;
  #kept: { fleet: Fleet; readAtMs: number } | null = null;
  #reading: Promise<Fleet> | null = null;
  /** Begins when the one before has ended: whoever asks meanwhile shares it, so that one read runs at a time. */
  #next: Promise<Fleet> | null = null;

  constructor(read: (now: Date) => Promise<Fleet>, now: () => Date) {
    this.#read = read;
    this.#now = now;
  }

  /** At most a few seconds old. */
  async recent(): Promise<Fleet> {
    const ageMs = this.#kept === null ? Infinity : this.#now().getTime() - this.#kept.readAtMs;
    if (this.#kept !== null && ageMs >= 0 && ageMs < KEPT_MS) return this.#kept.fleet;
    return await (this.#reading ?? this.anew());
  }

  /** Read after this was called. */
  async anew(): Promise<Fleet> {
    this.#next ??= this.#after(this.#reading);
    return await this.#next;
  }

  async #after(before: Promise<Fleet> | null): Promise<Fleet> {
    await Promise.allSettled([before]);
    this.#reading = this.#next;
    this.#next = null;
    try {
      const readAt = this.#now();
      const fleet = await this.#read(readAt);
      this.#kept = { fleet, readAtMs: readAt.getTime() };
      return fleet;
    } finally {
      this.#reading = null;
    }
  }
}

/** As if nothing ran on it. */
export class KeptFleet extends Kept<EmptyFleet> {
  constructor({ db, now }: Reading) {
    super(async () => await emptyFleet(db), now);
  }
}

/** With what is free of it. */
export class KeptRoom extends Kept<FleetNow> {
  constructor({ db, now }: Reading) {
    super(async (at) => await fleetNow(db, at), now);
  }
}
