/**
 * Connections to hosts that many ways share, of those hosts that this gateway dials: one to each, and another where that is
 * full. A host whose access process is of before it served them is asked again after a while.
 */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { HostId } from "@remotegpu/shared/ids";
import { TUNNEL_ALONE, TUNNEL_SHARED } from "@remotegpu/shared/gateway-tunnel";
import { type Destination, TunnelError } from "./tunnel.ts";
import { TunnelSession } from "./tunnel-session.ts";

/** It may be upgraded meanwhile. */
const ASK_AGAIN_MS = 60_000;

type Dial = (protocols: string[]) => Promise<TLSSocket>;

type Known = {
  sessions: TunnelSession[];
  /** Being dialled for whoever asks meanwhile. */
  dialling: Promise<TunnelSession | null> | null;
  /** Until then it shares none. */
  notBeforeMs: number;
};

export class SharedConnections {
  readonly #known = new Map<HostId, Known>();
  #isRetired = false;

  /** Null where it has to be a connection of its own. @throws TunnelError */
  async open({ hostId, ...target }: Destination, dial: Dial): Promise<Duplex | null> {
    const known = this.#knownOf(hostId);
    if (this.#isRetired || performance.now() < known.notBeforeMs) return null;
    const open = known.sessions.find(({ isOpen, isFull }) => isOpen && !isFull);
    const session = open ?? (await (known.dialling ??= this.#dial(known, dial)));
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
    for (const { sessions } of this.#known.values()) for (const session of sessions) session.retire();
  }

  async #dial(known: Known, dial: Dial): Promise<TunnelSession | null> {
    try {
      const socket = await dial([TUNNEL_SHARED, TUNNEL_ALONE]);
      if (socket.alpnProtocol !== TUNNEL_SHARED) {
        known.notBeforeMs = performance.now() + ASK_AGAIN_MS;
        socket.destroy();
        return null;
      }
      const session = new TunnelSession(socket, () => {
        known.sessions = known.sessions.filter((one) => one !== session);
      });
      known.sessions.push(session);
      return session;
    } finally {
      known.dialling = null;
    }
  }

  #knownOf(hostId: HostId): Known {
    const known = this.#known.get(hostId) ?? { sessions: [], dialling: null, notBeforeMs: 0 };
    this.#known.set(hostId, known);
    return known;
  }
}
