/**
 * Connections to hosts that many ways share, of those hosts that this gateway dials: one for each of whoever shares, and
 * another where that is full. A host whose access process is of before it served them is asked again after a while.
 */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { HostId } from "@remotegpu/shared/values/ids";
import { TUNNEL_ALONE, TUNNEL_SHARED } from "@remotegpu/shared/messages/gateway-tunnel";
import { type Destination, TunnelError } from "./tunnel.ts";
import { TunnelSession } from "./tunnel-session.ts";

/** It may be upgraded meanwhile. */
const RETRY_MS = 60_000;

type Dial = (protocols: string[]) => Promise<TLSSocket>;

type Shared = {
  sessions: TunnelSession[];
  /** Being dialled for whoever asks meanwhile. */
  dialling: Promise<TunnelSession | null> | null;
};

export class SharedConnections {
  readonly #idleMs: number | null;
  readonly #shared = new Map<string, Shared>();
  /** Until then a host shares none. */
  readonly #notBeforeMs = new Map<HostId, number>();
  #isRetired = false;

  /** @param idleMs after so long without a way through it a connection ends; null: it stays */
  constructor({ idleMs }: { idleMs: number | null }) {
    this.#idleMs = idleMs;
  }

  /** One is open, or about to be. */
  has(key: string): boolean {
    return this.#shared.has(key);
  }

  /** Null where it has to be a connection of its own. @throws TunnelError */
  async open(key: string, { hostId, ...target }: Destination, dial: Dial): Promise<Duplex | null> {
    if (this.#isRetired || performance.now() < (this.#notBeforeMs.get(hostId) ?? 0)) return null;
    const shared = this.#sharedBy(key);
    const open = shared.sessions.find(({ isOpen, isFull }) => isOpen && !isFull);
    const session = open ?? (await (shared.dialling ??= this.#dial(key, hostId, dial)));
    // Others may have filled it in this very moment.
    if (session === null || session.isFull) return null;
    try {
      return await session.open(target);
    } catch (error) {
      // A connection that died unseen says nothing of the host.
      if (error instanceof TunnelError && error.reason === "away") return null;
      throw error;
    }
  }

  /** Each ends with what runs through it. */
  retire(): void {
    this.#isRetired = true;
    for (const { sessions } of this.#shared.values()) for (const session of sessions) session.retire();
  }

  async #dial(key: string, hostId: HostId, dial: Dial): Promise<TunnelSession | null> {
    const shared = this.#sharedBy(key);
    try {
      const socket = await dial([TUNNEL_SHARED, TUNNEL_ALONE]);
      if (socket.alpnProtocol !== TUNNEL_SHARED) {
        this.#notBeforeMs.set(hostId, performance.now() + RETRY_MS);
        socket.destroy();
        return null;
      }
      const onClosed = () => {
        shared.sessions = shared.sessions.filter((one) => one !== session);
        this.#forget(key, shared);
      };
      const session = new TunnelSession(socket, { idleMs: this.#idleMs, onClosed });
      shared.sessions.push(session);
      return session;
    } finally {
      shared.dialling = null;
      this.#forget(key, shared);
    }
  }

  #sharedBy(key: string): Shared {
    const shared = this.#shared.get(key) ?? { sessions: [], dialling: null };
    this.#shared.set(key, shared);
    return shared;
  }

  /** Where there is none. */
  #forget(key: string, { sessions, dialling }: Shared): void {
    if (sessions.length === 0 && dialling === null) this.#shared.delete(key);
  }
}
