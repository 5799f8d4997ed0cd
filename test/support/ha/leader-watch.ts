/** For how long no control plane said that it leads, as a client of their APIs sees it. */
import { setTimeout as pause } from "node:timers/promises";
import { leads, type Server3 } from "./three-of-everything.ts";

const EVERY_MS = 400;

export class LeaderWatch {
  readonly #servers: readonly Server3[];
  #seenMs = performance.now();
  #longestMs = 0;
  #isOver = false;
  #watching: Promise<unknown> = Promise.resolve();

  constructor(servers: readonly Server3[]) {
    this.#servers = servers;
  }

  begin(): void {
    // Each by itself: one that stands still keeps nobody from asking the others.
    this.#watching = Promise.all(this.#servers.map((one) => this.#watch(one)));
  }

  /** The longest time without a leader since this was asked last, in ms. */
  longestMs(): number {
    const longest = Math.max(this.#longestMs, performance.now() - this.#seenMs);
    this.#longestMs = 0;
    return longest;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }

  async #watch(server: Server3): Promise<void> {
    while (!this.#isOver) {
      if (await leads(server)) {
        const nowMs = performance.now();
        this.#longestMs = Math.max(this.#longestMs, nowMs - this.#seenMs);
        this.#seenMs = nowMs;
      }
      await pause(EVERY_MS);
    }
  }
}
