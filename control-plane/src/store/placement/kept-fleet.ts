/**
 * The empty fleet, kept for a few seconds: orders come by the thousand a second, hosts by the day. What it allows may
 * be out of date, which only makes an order wait; a refusal is given by a fleet that was read after the order came.
 */
import type { Connection } from "../database.ts";
import { type EmptyFleet, emptyFleet } from "./empty-fleet.ts";

const KEPT_MS = 5_000;

export class KeptFleet {
  readonly #db: Connection;
  readonly #now: () => Date;
  #kept: { fleet: EmptyFleet; readAtMs: number } | null = null;
  #reading: Promise<EmptyFleet> | null = null;
  /** Begins when the one before has ended: whoever asks meanwhile shares it, so that one read runs at a time. */
  #next: Promise<EmptyFleet> | null = null;

  constructor({ db, now }: { db: Connection; now: () => Date }) {
    this.#db = db;
    this.#now = now;
  }

  /** At most a few seconds old. */
  async recent(): Promise<EmptyFleet> {
    const ageMs = this.#kept === null ? Infinity : this.#now().getTime() - this.#kept.readAtMs;
    if (this.#kept !== null && ageMs >= 0 && ageMs < KEPT_MS) return this.#kept.fleet;
    return await (this.#reading ?? this.anew());
  }

  /** Read after this was called. */
  async anew(): Promise<EmptyFleet> {
    this.#next ??= this.#after(this.#reading);
    return await this.#next;
  }

  async #after(before: Promise<EmptyFleet> | null): Promise<EmptyFleet> {
    await Promise.allSettled([before]);
    this.#reading = this.#next;
    this.#next = null;
    try {
      const readAtMs = this.#now().getTime();
      const fleet = await emptyFleet(this.#db);
      this.#kept = { fleet, readAtMs };
      return fleet;
    } finally {
      this.#reading = null;
    }
  }
}
