/** Ends of connections that are told as such, so that the other side does not take half a transfer for a whole one. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Node resets what is TCP alone, and throws for all else: of TLS it is what lies below that can be reset. */
const below = new WeakMap<TLSSocket, Socket>();

/** To be said of each connection by TLS that may be reset. */
export function liesBelow(proxy: Socket, client: TLSSocket): void {
  below.set(client, proxy);
}

/** A unix socket knows no reset: its other side sees an end amid what it was promised. */
export function reset(socket: Socket): void {
  const proxy = socket instanceof TLSSocket ? below.get(socket) : socket;
  if (proxy?.remoteAddress === undefined) socket.destroy();
  else proxy.resetAndDestroy();
}
