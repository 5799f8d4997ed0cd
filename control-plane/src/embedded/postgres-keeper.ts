/**
 * Keeps a started Postgres up: one that ended without our wish (killed for memory, say) is started again on the same
 * port, so that every address handed out stays good. Looks instead of listening, since a server that was taken over is
 * nobody's child.
 */
import type { Log } from "@remotegpu/shared/log";
import type { Postmaster } from "./postmaster.ts";

const LOOK_EVERY_MS = 1_000;

interface Kept {
  isRunning(server: Postmaster): Promise<boolean>;
  startAgain(port: number): Promise<Postmaster>;
  stop(server: Postmaster): Promise<void>;
}

export class PostgresKeeper {
  #server: Postmaster;
  readonly #kept: Kept;
  readonly #log: Log;
  #isStopped = false;
  #look: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;

  constructor(server: Postmaster, kept: Kept, log: Log) {
    this.#server = server;
    this.#kept = kept;
    this.#log = log;
    this.#timer = setInterval(() => this.#lookOnce(), LOOK_EVERY_MS);
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
    await this.#look;
    await this.#kept.stop(this.#server);
  }

  #lookOnce(): void {
    if (this.#isLooking || this.#isStopped) return;
    this.#isLooking = true;
    this.#look = this.#startIfGone()
      .catch((error: unknown) => this.#log.error({ error }, "Postgres could not be started again; trying on"))
      .finally(() => {
        this.#isLooking = false;
      });
  }

  async #startIfGone(): Promise<void> {
    if ((await this.#kept.isRunning(this.#server)) || this.#isStopped) return;
    this.#log.error({ pid: this.#server.pid }, "Postgres has ended; it is started again");
    this.#server = await this.#kept.startAgain(this.#server.port);
  }
}
