/** The hosts that have dialled in, each with its tunnels: the newest one is used, older ones for what runs in them. */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Target } from "./connect-request.ts";
import { TunnelSession } from "./tunnel-session.ts";
import { TunnelError } from "./tunnel.ts";

/** A relay dials once; those of access processes of before upgrades keep what they have. */
const MAX_OF_HOST = 8;

export class ReversedHosts {
  readonly #onChange: (hostId: HostId) => void;
  readonly #sessions = new Map<HostId, TunnelSession[]>();
  /** All sockets, with those whose session takes no streams any more. */
  readonly #sockets = new Map<HostId, Set<TLSSocket>>();

  /** @param onChange a host has dialled in, or its last tunnel has gone */
  constructor({ onChange }: { onChange: (hostId: HostId) => void }) {
    this.#onChange = onChange;
  }

  /** Beyond the bound the connection is closed. */
  add(hostId: HostId, socket: TLSSocket): void {
    const sockets = this.#sockets.get(hostId) ?? new Set();
    if (sockets.size >= MAX_OF_HOST) return void socket.destroy();
    this.#sockets.set(hostId, sockets.add(socket));
    socket.once("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0) this.#sockets.delete(hostId);
    });
    const session = new TunnelSession(socket, { onClosed: () => this.#over(hostId, session) });
    this.#sessions.set(hostId, [session, ...(this.#sessions.get(hostId) ?? [])]);
    this.#onChange(hostId);
  }

  has(hostId: HostId): boolean {
    return (this.#sessions.get(hostId) ?? []).some(({ isOpen }) => isOpen);
  }

  get hosts(): HostId[] {
    return [...this.#sockets.keys()];
  }

  /** @throws TunnelError */
  async open(hostId: HostId, target: Target): Promise<Duplex> {
    const session = (this.#sessions.get(hostId) ?? []).find(({ isOpen }) => isOpen);
    if (session === undefined) throw new TunnelError("away", "tunnel-not-dialled");
    return session.open(target);
  }

  /** With all that runs through its tunnels. */
  end(hostId: HostId): void {
    for (const socket of this.#sockets.get(hostId) ?? []) socket.destroy();
  }

  endAll(): void {
    for (const hostId of this.hosts) this.end(hostId);
  }

  #over(hostId: HostId, session: TunnelSession): void {
    const before = this.#sessions.get(hostId) ?? [];
    const left = before.filter((one) => one !== session);
    if (left.length === before.length) return;
    if (left.length === 0) this.#sessions.delete(hostId);
    else this.#sessions.set(hostId, left);
    this.#onChange(hostId);
  }
}
