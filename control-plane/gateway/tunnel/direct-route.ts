/**
 * The direct way to a host: TLS to its access process, then `CONNECT`. While a host is used one connection more is
 * ready, past its handshake, so that a stream waits for one round trip; others begin with the TLS session of before.
 * What lasts and says little shares a connection with all of its host (shared-connections.ts), since each costs memory at both
 * ends; what is short shares one with its instance where connections are opened often, since each costs a handshake.
 */
import type { Duplex } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import type { HostId } from "@remotegpu/shared/values/ids";
import { CountsByKey } from "@remotegpu/shared/counts-by-key";
import { accessName } from "@remotegpu/shared/messages/joining";
import { KeyedSemaphore } from "@remotegpu/shared/keyed-semaphore";
import type { Reason } from "../../server/core/reasons/reason.ts";
import { connectThrough, UnansweredError } from "./connect-request.ts";
import { SharedConnections } from "./shared-connections.ts";
import { dialReason, dialTls } from "./tls-dial.ts";
import { type Destination, TunnelError } from "./tunnel.ts";

/** The host gives up a connection that says nothing for ten seconds. */
const SPARE_FOR_MS = 8_000;
/** For the host to say goodbye as well. */
const GOODBYE_WITHIN_MS = 5_000;
/** Being opened at once, to one host: beyond that something is wrong there. */
const MAX_OPENING = 256;
/** And to one instance, whose ports may all hang: its neighbours need the others. */
const MAX_OPENING_OF_ONE = 64;
/**
 * To one port of an instance; a browser opens six. A handshake keeps both ends busy. Ways within a shared connection have
 * none, and need no turns here: with four at once neighbours of a service's WebSockets waited as long.
 */
const OPENING_AT_ONCE = 4;

/**
 * Ways to an instance within that time, beyond which short ones share a connection. Who keeps connections is done with
 * fewer, and gives an eighth more answers on its own ones; who ends each after an answer, as many programs do, would cost a
 * handshake each time.
 */
const BUSY_BEYOND = 64;
const BUSY_WITHIN_MS = 10_000;
const SHARED_IDLE_MS = 10_000;

/** Where a host's access process listens. */
export interface HostAddress {
  /** As people know it. */
  name: string;
  /** Any of them may lead to it; who answers has to be it by its certificate. None: none is confirmed. */
  addresses: readonly string[];
  /** So that its loopback and its addresses are ours. */
  isOnThisMachine: boolean;
  /** Null: none is open, as far as it has told. */
  port: number | null;
}

type Known = {
  /** That answered last, and the TLS session with it. */
  address: string | null;
  session: Buffer | null;
  spare: TLSSocket | null;
  isSparing: boolean;
  /** To each instance. */
  opening: CountsByKey<string>;
};

export class DirectRoute {
  readonly #context: () => Promise<SecureContext>;
  readonly #known = new Map<HostId, Known>();
  readonly #lasting = new SharedConnections({ idleMs: null });
  readonly #short = new SharedConnections({ idleMs: SHARED_IDLE_MS });
  /** Ways by instance since then. */
  #requested = new CountsByKey<string>();
  #requestedSinceMs = 0;
  readonly #turns = new KeyedSemaphore({ atOnce: OPENING_AT_ONCE });
  #isClosed = false;

  constructor({ context }: { context: () => Promise<SecureContext> }) {
    this.#context = context;
  }

  /** @throws TunnelError */
  async open(to: Destination, at: HostAddress): Promise<Duplex> {
    const shared = await this.#openShared(to, at);
    if (shared !== null) return shared;
    const stream = await this.#turns.during(`${to.instanceId} ${to.port}`, () => this.#openCounted(to, at));
    this.#prepare(to.hostId, at);
    return stream;
  }

  /** Null where it has to be a connection of its own. */
  async #openShared(to: Destination, at: HostAddress): Promise<Duplex | null> {
    const { hostId, shares } = to;
    const dial = (protocols: string[]) => this.#dial(hostId, at, protocols);
    if (shares === "host") return await this.#lasting.open(hostId, to, dial);
    const key = `${hostId} ${to.instanceId}`;
    if (shares === undefined || !(this.#isBusy(key) || this.#short.has(key))) return null;
    return await this.#short.open(key, to, dial);
  }

  #isBusy(key: string): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#requestedSinceMs > BUSY_WITHIN_MS) {
      this.#requested = new CountsByKey();
      this.#requestedSinceMs = nowMs;
    }
    this.#requested.add(key);
    return this.#requested.of(key) > BUSY_BEYOND;
  }

  /** Who waits for a turn takes no place from others. */
  async #openCounted(to: Destination, at: HostAddress): Promise<Duplex> {
    const known = this.#knownOf(to.hostId);
    const { opening } = known;
    if (opening.all >= MAX_OPENING || opening.of(to.instanceId) >= MAX_OPENING_OF_ONE)
      throw new TunnelError("away", { code: "tunnel-dials-too-many", params: { host_name: at.name } });
    opening.add(to.instanceId);
    try {
      return await this.#openOn(takeSpare(known), to, at);
    } finally {
      opening.remove(to.instanceId);
    }
  }

  /** Looks whether it answers now, with its certificate. @throws TunnelError */
  async probe(hostId: HostId, at: HostAddress): Promise<void> {
    const socket = await this.#dial(hostId, at);
    // In order: whoever breaks off here leaves the host amid the handshake, of which it has not heard the end.
    const late = setTimeout(() => socket.destroy(), GOODBYE_WITHIN_MS);
    socket.once("close", () => clearTimeout(late));
    socket.resume().end();
  }

  /** Streams stay; they are whose they are. */
  close(): void {
    this.#isClosed = true;
    for (const { spare } of this.#known.values()) spare?.destroy();
    this.#lasting.retire();
    this.#short.retire();
  }

  async #openOn(spare: TLSSocket | null, to: Destination, at: HostAddress): Promise<Duplex> {
    try {
      return await connectThrough(spare ?? (await this.#dial(to.hostId, at)), to);
    } catch (error) {
      if (!(error instanceof UnansweredError)) throw error;
      // The host may have closed it in this very moment.
      if (spare !== null) return this.#openOn(null, to, at);
      throw new TunnelError("away", silent(at.name, error.why), error);
    }
  }

  async #dial(
    hostId: HostId,
    { name, addresses, port, isOnThisMachine }: HostAddress,
    protocols?: string[],
  ): Promise<TLSSocket> {
    if (port === null)
      throw new TunnelError("away", { code: "tunnel-host-without-port", params: { host_name: name } });
    if (addresses.length === 0)
      throw new TunnelError("away", { code: "tunnel-host-unconfirmed", params: { host_name: name } });
    const known = this.#knownOf(hostId);
    try {
      const { socket, address } = await dialTls({
        addresses: known.address !== null && addresses.includes(known.address) ? [known.address] : addresses,
        port,
        isOnThisMachine,
        secureContext: await this.#context(),
        name: accessName(hostId),
        // A session is of one protocol.
        ...(protocols === undefined ? { session: known.session } : { session: null, protocols }),
      });
      known.address = address;
      if (protocols === undefined) socket.on("session", (session: Buffer) => (known.session = session));
      return socket;
    } catch (cause) {
      known.address = null;
      known.session = null;
      throw new TunnelError("away", silent(name, dialReason(cause)), cause);
    }
  }

  /** One for whoever comes next. Where that fails they dial themselves, and hear why. */
  #prepare(hostId: HostId, at: HostAddress): void {
    const known = this.#knownOf(hostId);
    if (known.isSparing || known.spare !== null || this.#isClosed) return;
    known.isSparing = true;
    this.#dial(hostId, at)
      .then((socket) => this.#spare(known, socket))
      .catch(() => undefined)
      .finally(() => (known.isSparing = false));
  }

  #spare(known: Known, socket: TLSSocket): void {
    if (this.#isClosed) return void socket.destroy();
    known.spare = socket;
    const timer = setTimeout(() => known.spare === socket && socket.destroy(), SPARE_FOR_MS).unref();
    socket.once("close", () => {
      clearTimeout(timer);
      if (known.spare === socket) known.spare = null;
    });
  }

  #knownOf(hostId: HostId): Known {
    const known = this.#known.get(hostId) ?? {
      address: null,
      session: null,
      spare: null,
      isSparing: false,
      opening: new CountsByKey(),
    };
    this.#known.set(hostId, known);
    return known;
  }
}

function silent(hostName: string, why: Reason): Reason {
  return { code: "tunnel-host-silent", params: { host_name: hostName, why } };
}

/** Null where there is none that lives. */
function takeSpare(known: Known): TLSSocket | null {
  const { spare } = known;
  known.spare = null;
  return spare === null || spare.destroyed || spare.readableEnded ? null : spare;
}
