/** Token buckets, one a caller: how many requests each may make at once, and how fast more are granted. */

export interface RateLimit {
  burst: number;
  perSecond: number;
}

/** More callers than this and the ones longest unseen start over with a full bucket. */
const MAX_BUCKETS = 10_000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

export class RateLimiter {
  // A Map keeps insertion order; taking re-inserts, so the first entry is the one longest unseen.
  readonly #buckets = new Map<string, Bucket>();
  readonly #limit: RateLimit;

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /** Takes one token: 0 when there was one, else the whole seconds until there will be. */
  take(caller: string, nowMs: number): number {
    const { burst, perSecond } = this.#limit;
    const known = this.#buckets.get(caller) ?? { tokens: burst, filledAtMs: nowMs };
    const elapsedSeconds = Math.max(0, nowMs - known.filledAtMs) / 1000;
    const tokens = Math.min(burst, known.tokens + elapsedSeconds * perSecond);

    const allowed = tokens >= 1;
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: allowed ? tokens - 1 : tokens, filledAtMs: nowMs });
    this.#forgetOldest();
    return allowed ? 0 : Math.max(1, Math.ceil((1 - tokens) / perSecond));
  }

  #forgetOldest(): void {
    if (this.#buckets.size <= MAX_BUCKETS) return;
    const oldest = this.#buckets.keys().next();
    if (oldest.done !== true) this.#buckets.delete(oldest.value);
  }
}
