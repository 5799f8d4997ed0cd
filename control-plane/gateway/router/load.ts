/**
 * How much of the gateway one address, one origin and one visitor of it may hold at once: requests a second, requests that
 * are open, WebSockets. A flood of one costs the others nothing but the answer that says so.
 */
import { CountsByKey } from "@remotegpu/shared/counts-by-key";
import { type RateLimit, RateLimiter } from "../../server/core/accounts/rate-limiter.ts";

export interface GatewayLimits {
  perAddress: RateLimit;
  perOrigin: RateLimit;
  /** At once. */
  openPerAddress: number;
  openPerOrigin: number;
  socketsPerOrigin: number;
  /** Connections of this process, whatever they do. */
  connections: number;
}

export const GATEWAY_LIMITS: GatewayLimits = {
  // A notebook's page alone loads some hundred files.
  perAddress: { burst: 2_000, perSecond: 500 },
  perOrigin: { burst: 5_000, perSecond: 2_000 },
  openPerAddress: 2_000,
  openPerOrigin: 1_000,
  socketsPerOrigin: 500,
  connections: 20_000,
};

/** The limits of requests to inference services: one address may be a program with many users. */
export const SERVICE_LIMITS: Omit<GatewayLimits, "connections"> = {
  perAddress: { burst: 20_000, perSecond: 5_000 },
  perOrigin: { burst: 20_000, perSecond: 5_000 },
  openPerAddress: 10_000,
  openPerOrigin: 10_000,
  socketsPerOrigin: 10_000,
};

export type Taken =
  | { taken: true; release: () => void }
  | { taken: false; sentence: string; retryAfterSeconds: number };

export class Load {
  readonly #limits: Omit<GatewayLimits, "connections">;
  readonly #addresses: RateLimiter;
  readonly #origins: RateLimiter;
  readonly #open = new CountsByKey<string>();

  constructor(limits: Omit<GatewayLimits, "connections">) {
    this.#limits = limits;
    this.#addresses = new RateLimiter(limits.perAddress);
    this.#origins = new RateLimiter(limits.perOrigin);
  }

  /** Release once what was taken is over. */
  take(what: { address: string; host: string; isSocket: boolean; nowMs: number }): Taken {
    const { address, host, isSocket, nowMs } = what;
    const { openPerAddress, openPerOrigin, socketsPerOrigin } = this.#limits;
    const waits: [string, number][] = [
      ["this address", this.#addresses.take(address, nowMs)],
      ["this service", this.#origins.take(host, nowMs)],
    ];
    for (const [whose, seconds] of waits)
      if (seconds > 0) return refused(`Too many requests of ${whose}.`, seconds);
    const counted: [string, string, number][] = [
      [`a ${address}`, `${openPerAddress} requests of this address are open`, openPerAddress],
      [`o ${host}`, `${openPerOrigin} requests of this service are open`, openPerOrigin],
    ];
    if (isSocket)
      counted.push([
        `w ${host}`,
        `${socketsPerOrigin} WebSockets of this service are open`,
        socketsPerOrigin,
      ]);
    for (const [key, sentence, most] of counted)
      if (this.#open.of(key) >= most) return refused(`${sentence}, which is the most.`, 5);
    const keys = counted.map(([key]) => key);
    for (const key of keys) this.#open.add(key);
    const release = () => {
      for (const key of keys) this.#open.remove(key);
    };
    return { taken: true, release };
  }
}

const refused = (sentence: string, retryAfterSeconds: number): Taken => ({
  taken: false,
  sentence,
  retryAfterSeconds,
});
