/**
 * Wakes services that sleep for requests that wait at this gateway: each is written down once, however many come, and again
 * after a while where it sleeps still.
 */
import type { Log } from "@remotegpu/shared/log";
import type { Database } from "../../server/store/database/database.ts";
import { transaction } from "../../server/store/database/transaction.ts";
import { wakeService } from "../../server/store/inference/gateway/waking.ts";

const AGAIN_AFTER_MS = 2_000;

export interface ServiceWakerParts {
  db: Database;
  now: () => Date;
  log: Log;
  /** A replica is wanted. */
  onWoken: () => void;
}

export class ServiceWaker {
  readonly #parts: ServiceWakerParts;
  /** Asked for just now. */
  readonly #requested = new Set<string>();
  readonly #writing = new Set<Promise<void>>();

  constructor(parts: ServiceWakerParts) {
    this.#parts = parts;
  }

  wake(id: string): void {
    if (this.#requested.has(id)) return;
    this.#requested.add(id);
    setTimeout(() => this.#requested.delete(id), AGAIN_AFTER_MS).unref();
    const writing = this.#write(id).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#writing);
  }

  async #write(id: string): Promise<void> {
    const { db, now, log, onWoken } = this.#parts;
    try {
      if (!(await transaction(db, (sql) => wakeService(sql, id, now())))) return;
      log.info({ id }, "a service was woken by a request");
      onWoken();
    } catch (error) {
      log.warn({ error, id }, "a service that sleeps cannot be woken now; it is tried again");
    }
  }
}
