/**
 * One connection through a lease: a client on one side, the service in the container on the other, and bytes both
 * ways. Each direction ends by itself (half-close), a slow reader slows the writer down, and an error of one side
 * is an end for the other.
 */
import type { Socket } from "node:net";

/** A peer that is gone without a word is noticed after some minutes of silence. */
const KEEPALIVE_AFTER_MS = 60_000;

export class RelayedConnection {
  readonly #client: Socket;
  readonly #service: Socket;
  #toldIn = 0;
  #toldOut = 0;

  /** Both sockets allow half-open connections and have not been read from. */
  constructor(client: Socket, service: Socket, onClosed: (connection: RelayedConnection) => void) {
    this.#client = client;
    this.#service = service;
    let open = 2;
    for (const [socket, other] of [
      [client, service],
      [service, client],
    ] as const) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEPALIVE_AFTER_MS);
      // A reset is passed on as one, so that the other side does not take a half transfer for a whole one.
      socket.on("error", () => other.resetAndDestroy());
      socket.on("close", () => {
        open -= 1;
        if (!other.writableEnded && !socket.readableEnded) other.resetAndDestroy();
        if (open === 0) onClosed(this);
      });
      socket.pipe(other);
    }
  }

  /** The client has sent something that reached the service's socket: this is access, and a mere probe is not. */
  get isUsed(): boolean {
    return this.#service.bytesWritten - this.#service.writableLength > 0;
  }

  /** Bytes relayed since it was asked last. */
  takeBytes(): { bytesIn: number; bytesOut: number } {
    const { bytesWritten: toService } = this.#service;
    const { bytesWritten: toClient } = this.#client;
    const taken = { bytesIn: toService - this.#toldIn, bytesOut: toClient - this.#toldOut };
    this.#toldIn = toService;
    this.#toldOut = toClient;
    return taken;
  }

  destroy(): void {
    this.#client.destroy();
    this.#service.destroy();
  }
}
