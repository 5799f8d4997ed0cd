/**
 * Ends connections whose request has a body that does not come: a body may be of any length and take any time, but
 * something of it comes each minute while the container takes it.
 */
import type { IncomingMessage } from "node:http";

export const CHECK_EVERY_MS = 15_000;
/** So often in a row with less than this: over. */
const MAX_SLOW_CHECKS = 4;
const LEAST_BYTES = 64;

interface Watched {
  bytesRead: number;
  slowChecks: number;
}

export class SlowBodies {
  readonly #open = new Map<IncomingMessage, Watched>();
  #timer: NodeJS.Timeout | null = null;

  start(everyMs: number): void {
    this.#timer ??= setInterval(() => this.check(), everyMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  watch(request: IncomingMessage): void {
    this.#open.set(request, { bytesRead: request.socket.bytesRead, slowChecks: 0 });
    request.once("close", () => this.#open.delete(request));
  }

  check(): void {
    for (const [request, watched] of this.#open) {
      const { bytesRead } = request.socket;
      const came = bytesRead - watched.bytesRead;
      watched.bytesRead = bytesRead;
      // Whoever waits for the container to take what has come is not slow.
      const isWaited = request.isPaused() || request.complete;
      watched.slowChecks = isWaited || came >= LEAST_BYTES ? 0 : watched.slowChecks + 1;
      if (watched.slowChecks >= MAX_SLOW_CHECKS) request.socket.destroy();
    }
  }
}
