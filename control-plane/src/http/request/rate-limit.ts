/**
 * Token buckets, one per API key and one per network address. They live in this process only: with several API
 * replicas a caller may get as many times the rate, which is fine for what this is for, a caller in a loop.
 */
import { createMiddleware } from "hono/factory";
import type { ApiContext, ApiDeps, ApiEnv, RateLimit } from "../deps.ts";
import { ApiRefusal } from "./refusal.ts";

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

const limiters = new WeakMap<ApiDeps, { keys: RateLimiter; addresses: RateLimiter }>();

function limitersOf(deps: ApiDeps) {
  const known = limiters.get(deps);
  if (known !== undefined) return known;
  const { perKey, perAddress } = deps.config.rateLimits;
  const made = { keys: new RateLimiter(perKey), addresses: new RateLimiter(perAddress) };
  limiters.set(deps, made);
  return made;
}

/** Before authentication, so that guessing keys is limited too. */
export const limitAddress = createMiddleware<ApiEnv>(async (c, next) => {
  const { deps } = c.var;
  refuseBeyond(limitersOf(deps).addresses.take(remoteAddress(c), deps.now().getTime()), "this address");
  await next();
});

export const limitKey = createMiddleware<ApiEnv>(async (c, next) => {
  const { deps, actor } = c.var;
  refuseBeyond(limitersOf(deps).keys.take(String(actor.apiKeyId), deps.now().getTime()), "this key");
  await next();
});

function refuseBeyond(waitSeconds: number, who: string): void {
  if (waitSeconds === 0) return;
  throw new ApiRefusal("too-many-requests", `Too many requests from ${who}; try again in ${waitSeconds} s.`, {
    retryAfterSeconds: waitSeconds,
  });
}

/** The peer's address as the server adapter gives it; "local" for requests made inside the process. */
export function remoteAddress(c: ApiContext): string {
  const bindings: unknown = c.env;
  if (typeof bindings !== "object" || bindings === null || !("incoming" in bindings)) return "local";
  const incoming = bindings.incoming as { socket?: { remoteAddress?: string } };
  return incoming.socket?.remoteAddress ?? "unknown";
}
