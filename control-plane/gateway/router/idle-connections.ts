/**
 * Which connections of the gateway's port wait for a next request, told by what was asked and answered on each: so that a
 * gateway that ends closes those alone. Node's own count takes one as idle whose answer is not taken yet, or of which a
 * request has come that nobody has read.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

const CHECK_EVERY_MS = 50;

export class IdleConnections {
  /** On which HTTP is spoken. */
  readonly #spoken = new Set<Socket>();
  readonly #open = new Set<ServerResponse>();
  /** Bytes that had come when all that was asked was answered: more of them are of a request. */
  readonly #answeredAt = new WeakMap<Socket, number>();
  #idle: ReadonlySet<Socket> = new Set();

  take(socket: Socket): void {
    this.#spoken.add(socket);
    this.#answeredAt.set(socket, socket.bytesRead);
    socket.once("close", () => this.#spoken.delete(socket));
  }

  /** What is said on it from now on is no HTTP. */
  letGo(socket: Socket): void {
    this.#spoken.delete(socket);
  }

  answering(response: ServerResponse): void {
    const { socket } = response.req;
    this.#open.add(response);
    response.once("close", () => {
      this.#open.delete(response);
      this.#answeredAt.set(socket, socket.bytesRead);
    });
  }

  /** Closes each once it has been idle for a while, until the signal says that all is over. */
  end(over: AbortSignal): void {
    // The last on each connection, behind which others may have been asked for: nothing more is, since it says so.
    const last = new Map([...this.#open].map((response) => [response.req.socket, response]));
    for (const response of last.values()) if (!response.headersSent) response.shouldKeepAlive = false;
    // After what has come was read, however long this process was busy.
    const checking = setInterval(() => setImmediate(() => this.#check()), CHECK_EVERY_MS);
    over.addEventListener("abort", () => clearInterval(checking));
  }

  /** Whoever was answered just now, and told that it may go on, has from one look to the next to ask again. */
  #check(): void {
    const requested = new Set([...this.#open].map(({ req }) => req.socket));
    const idle = [...this.#spoken].filter(
      (socket) =>
        !requested.has(socket) &&
        socket.writableLength === 0 &&
        socket.bytesRead === this.#answeredAt.get(socket),
    );
    for (const socket of idle) if (this.#idle.has(socket)) socket.destroy();
    this.#idle = new Set(idle);
  }
}
