/**
 * How long the answer to a broken request waits. A few are answered at once; whoever goes on with them is answered in a
 * steady rhythm, since each costs an opening and a closing, which others would wait for.
 */

export interface DelayedRate {
  /** At once. */
  burst: number;
  perSecond: number;
  /** No answer waits longer. */
  longestMs: number;
}

/** More than these and the ones longest unseen begin anew. */
const MAX_STORED = 10_000;
const MS_PER_SECOND = 1_000;

export class ResponseRateLimiter {
  readonly #rate: DelayedRate;
  /** When the next one would be answered, had there been no burst. In the order in which they were seen last. */
  readonly #next = new Map<string, number>();

  constructor(rate: DelayedRate) {
    this.#rate = rate;
  }

  /** The delay of one more of a client's requests, or of so many that come as one. */
  waitMs(whose: string, nowMs: number, count = 1): number {
    const { burst, perSecond, longestMs } = this.#rate;
    const eachMs = MS_PER_SECOND / perSecond;
    const next = Math.max(this.#next.get(whose) ?? -Infinity, nowMs - burst * eachMs) + count * eachMs;
    const waits = Math.min(Math.max(0, next - nowMs), longestMs);
    this.#next.delete(whose);
    // Who had to wait the longest is not made to wait beyond that for those who gave up.
    this.#next.set(whose, Math.min(next, nowMs + longestMs));
    const oldest = this.#next.keys().next();
    if (this.#next.size > MAX_STORED && oldest.done !== true) this.#next.delete(oldest.value);
    return waits;
  }
}
