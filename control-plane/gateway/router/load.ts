/**
 * How much of the gateway one address, one origin and one visitor of it may hold at once: requests a second, requests that
 * are open, WebSockets. A flood of one costs the others nothing but the answer that says so.
 */
import type { GivenReason } from "../../server/core/reasons/plain-reason.ts";
import type { Reason } from "../../server/core/reasons/reason.ts";
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
  | { taken: false; reason: GivenReason; retryAfterSeconds: number };

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
    const waits: [GivenReason, number][] = [
      ["gateway-requests-of-address-too-many", this.#addresses.take(address, nowMs)],
      ["gateway-requests-of-service-too-many", this.#origins.take(host, nowMs)],
    ];
    for (const [reason, seconds] of waits) if (seconds > 0) return refused(reason, seconds);
    const counted: [string, Reason, number][] = [
      [`a ${address}`, openRequests("open-requests-of-address-too-many", openPerAddress), openPerAddress],
      [`o ${host}`, openRequests("open-requests-of-service-too-many", openPerOrigin), openPerOrigin],
    ];
    if (isSocket) counted.push([`w ${host}`, openSockets(socketsPerOrigin), socketsPerOrigin]);
    for (const [key, reason, most] of counted) if (this.#open.of(key) >= most) return refused(reason, 5);
    const keys = counted.map(([key]) => key);
    for (const key of keys) this.#open.add(key);
    const release = () => {
      for (const key of keys) this.#open.remove(key);
    };
    return { taken: true, release };
  }
}

function openRequests(
  code: "open-requests-of-address-too-many" | "open-requests-of-service-too-many",
  most: number,
): Reason {
  return { code, params: { max_requests: most } };
}

function openSockets(most: number): Reason {
  return { code: "open-sockets-of-service-too-many", params: { max_sockets: most } };
}

const refused = (reason: GivenReason, retryAfterSeconds: number): Taken => ({
  taken: false,
  reason,
  retryAfterSeconds,
});
