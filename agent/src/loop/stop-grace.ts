/**
 * The grace of a stop that is under way. An order that comes later may end it sooner, and never later: who was told to
 * be gone by a moment is gone by then, whoever orders the stop again.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

export class StopGrace {
  readonly #cut = new AbortController();
  /** On this process's clock; minus infinity once the stop is over. */
  #endsMs: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param seconds of grace, from now; the runtime counts them itself */
  constructor(seconds: number) {
    this.#endsMs = performance.now() + seconds * MS_PER_SECOND;
  }

  /** Aborted at the end of a grace that was shortened, and never at that of the first one. */
  get cutShort(): AbortSignal {
    return this.#cut.signal;
  }

  /**
   * @param seconds of grace, from now
   * @returns whether the stop ends sooner by that
   */
  shorten(seconds: number): boolean {
    const leftMs = seconds * MS_PER_SECOND;
    const endsMs = performance.now() + leftMs;
    if (endsMs >= this.#endsMs) return false;
    this.#endsMs = endsMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#cut.abort(), leftMs);
    return true;
  }

  /** The stop is over: nothing is cut short any more. */
  close(): void {
    this.#endsMs = -Infinity;
    clearTimeout(this.#timer);
  }
}
