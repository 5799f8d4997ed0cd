/**
 * Who of the hosts is let in with a request: so many at once and so many in time, in number and in bytes, judged before
 * anything of the message is read. One host, however it behaves, costs the others nothing but this look.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";

const MAX_IN_FLIGHT_PER_HOST = 4;
/** The requests of a fleet that comes back at once. */
const MAX_IN_FLIGHT = 2_048;
const MAX_BYTES_IN_FLIGHT = 128 * MIB;

/** The largest desired set is pulled in 256 pages; a heartbeat comes every ten seconds. */
const BURST = { requests: 400, bytes: 32 * MIB };
const PER_SECOND = { requests: 20, bytes: MIB };

/** `busy` is answered, so that the host comes again; `floods` is not, since answers would be a flood of their own. */
export type Admission = "admitted" | "busy" | "floods";

interface HostUse {
  inFlight: number;
  requestsLeft: number;
  bytesLeft: number;
  asOfMs: number;
}

/** Remembers every host that ever asked: as many as there are credentials. */
export class RequestGate {
  readonly #hosts = new Map<HostId, HostUse>();
  #inFlight = 0;
  #bytesInFlight = 0;

  /** `nowMs` is any clock that only goes forward. Whoever is admitted has to leave. */
  enter(host: HostId, { bytes, nowMs }: { bytes: number; nowMs: number }): Admission {
    const use = this.#useOf(host, nowMs);
    if (use.requestsLeft < 1 || use.bytesLeft < bytes) return "floods";
    use.requestsLeft -= 1;
    use.bytesLeft -= bytes;
    if (use.inFlight >= MAX_IN_FLIGHT_PER_HOST || this.#inFlight >= MAX_IN_FLIGHT) return "busy";
    if (this.#bytesInFlight + bytes > MAX_BYTES_IN_FLIGHT) return "busy";
    use.inFlight += 1;
    this.#inFlight += 1;
    this.#bytesInFlight += bytes;
    return "admitted";
  }

  leave(host: HostId, { bytes }: { bytes: number }): void {
    const use = this.#hosts.get(host);
    if (use !== undefined) use.inFlight -= 1;
    this.#inFlight -= 1;
    this.#bytesInFlight -= bytes;
  }

  #useOf(host: HostId, nowMs: number): HostUse {
    const known = this.#hosts.get(host);
    if (known === undefined) {
      const fresh = { inFlight: 0, requestsLeft: BURST.requests, bytesLeft: BURST.bytes, asOfMs: nowMs };
      this.#hosts.set(host, fresh);
      return fresh;
    }
    const seconds = (nowMs - known.asOfMs) / MS_PER_SECOND;
    known.requestsLeft = Math.min(BURST.requests, known.requestsLeft + seconds * PER_SECOND.requests);
    known.bytesLeft = Math.min(BURST.bytes, known.bytesLeft + seconds * PER_SECOND.bytes);
    known.asOfMs = nowMs;
    return known;
  }
}
