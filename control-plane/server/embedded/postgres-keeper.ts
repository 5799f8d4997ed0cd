/**
 * Keeps a started Postgres up: one that ended without our wish (killed for memory, say) is started again on the same
 * port, so that every address handed out stays good. Looks instead of listening, since a server that was taken over is
 * nobody's child.
 */
import type { Log } from "@remotegpu/shared/log";
import type { Postmaster } from "./postmaster.ts";

const CHECK_EVERY_MS = 1_000;

interface Stored {
  isRunning(server: Postmaster): Promise<boolean>;
  startAgain(port: number): Promise<Postmaster>;
  stop(server: Postmaster): Promise<void>;
}

export class PostgresKeeper {
  #server: Postmaster;
  readonly #stored: Stored;
  readonly #log: Log;
  #isStopped = false;
  #check: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;
  #isChecking = false;

  constructor(server: Postmaster, stored: Stored, log: Log) {
    this.#server = server;
    this.#stored = stored;
    this.#log = log;
    this.#timer = setInterval(() => this.#checkOnce(), CHECK_EVERY_MS);
    // A process that only asked something may end.
    this.#timer.unref();
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Waits for a start that is under way, so that nothing comes up after the stop. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#check;
    await this.#stored.stop(this.#server);
  }

  #checkOnce(): void {
    if (this.#isChecking || this.#isStopped) return;
    this.#isChecking = true;
    this.#check = this.#startIfGone()
      .catch((error: unknown) => this.#log.error({ error }, "Postgres could not be started again; trying on"))
      .finally(() => {
        this.#isChecking = false;
      });
  }

  async #startIfGone(): Promise<void> {
    if ((await this.#stored.isRunning(this.#server)) || this.#isStopped) return;
    this.#log.error({ pid: this.#server.pid }, "Postgres has ended; it is started again");
    this.#server = await this.#stored.startAgain(this.#server.port);
  }
}
