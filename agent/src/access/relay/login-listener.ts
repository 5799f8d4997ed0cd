/**
 * Hears what a container tells of logins, on a server that the broker made in its live folder. Whoever is root in there
 * may write anything, so lines, time and numbers are bounded, and a container that tells too much is not heard for a while.
 */
import type { Server, Socket } from "node:net";
import { loginIn, MAX_LOGIN_LINE, type ReportedLogin } from "../../core/access/login-line.ts";

const MAX_CONNECTIONS = 8;
/** A line comes in one go; whoever holds a connection longer is cut off. */
const WITHIN_MS = 2_000;
/** Connections at once after a pause, and for as long as they come: more than a lease lets in. */
const BURST = 256;
const PER_SECOND = 32;
const MS_PER_SECOND = 1_000;

export class LoginListener {
  readonly #server: Server;
  readonly #onLogin: (reported: ReportedLogin) => void;
  readonly #onFlood: () => void;
  readonly #connections = new Set<Socket>();
  readonly #nowMs: () => number;
  #left = BURST;
  #atMs: number;

  constructor(options: {
    /** Listens already. */
    server: Server;
    onLogin: (reported: ReportedLogin) => void;
    /** It is closed by then. */
    onFlood: () => void;
    nowMs: () => number;
  }) {
    this.#server = options.server;
    this.#onLogin = options.onLogin;
    this.#onFlood = options.onFlood;
    this.#nowMs = options.nowMs;
    this.#atMs = options.nowMs();
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on("connection", (socket) => this.#take(socket));
    this.#server.on("drop", () => this.#count());
    this.#server.on("error", () => this.close());
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#connections) socket.destroy();
  }

  #take(socket: Socket): void {
    if (!this.#count()) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    let line = "";
    const late = setTimeout(() => socket.destroy(), WITHIN_MS);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(late);
      this.#connections.delete(socket);
    });
    socket.on("data", (chunk: Buffer) => {
      line += chunk.toString("latin1");
      const end = line.indexOf("\n");
      if (end < 0 && line.length <= MAX_LOGIN_LINE) return;
      // One line each; what else comes is not read.
      socket.destroy();
      const reported = end >= 0 && end <= MAX_LOGIN_LINE ? loginIn(line.slice(0, end)) : null;
      if (reported !== null) this.#onLogin(reported);
    });
  }

  /** False: too many by now, and nobody is heard any more. */
  #count(): boolean {
    const nowMs = this.#nowMs();
    this.#left = Math.min(BURST, this.#left + ((nowMs - this.#atMs) * PER_SECOND) / MS_PER_SECOND) - 1;
    this.#atMs = nowMs;
    if (this.#left >= 0) return true;
    if (this.#server.listening) {
      this.close();
      this.#onFlood();
    }
    return false;
  }
}
