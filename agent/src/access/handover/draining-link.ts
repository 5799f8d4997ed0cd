/**
 * An elder's end of the socket between it and the newest access process. Connects for as long as it takes: the newest one
 * may have been upgraded itself, or started anew. What is to be told meanwhile waits.
 */
import { connect, type Socket } from "node:net";
import { readLines, writeLine } from "../control/lines.ts";
import { FromDraining, MAX_DRAINING_LINE_BYTES, ToDraining } from "./draining-messages.ts";

const RECONNECT_AFTER_MS = 200;
/** Of each lease there is one in five seconds at most, for two minutes. */
const MAX_UNTOLD = 4_096;

export class DrainingLink {
  readonly #path: string;
  readonly #hello: FromDraining;
  readonly #onConnected: () => void;
  readonly #onMessage: (message: ToDraining) => void;
  readonly #monotonicMs: () => number;
  readonly #untold: FromDraining[] = [];
  #socket: Socket | null = null;
  #isConnected = false;
  #isClosed = false;
  #redial: NodeJS.Timeout | undefined;
  #leaderlessSinceMs: number;

  constructor(options: {
    path: string;
    hello: Extract<FromDraining, { kind: "hello" }>;
    /** To one that knows of nothing yet. */
    onConnected: () => void;
    onMessage: (message: ToDraining) => void;
    monotonicMs: () => number;
  }) {
    this.#path = options.path;
    this.#hello = options.hello;
    this.#onConnected = options.onConnected;
    this.#onMessage = options.onMessage;
    this.#monotonicMs = options.monotonicMs;
    this.#leaderlessSinceMs = options.monotonicMs();
  }

  start(): void {
    if (this.#isClosed) return;
    const socket = connect(this.#path);
    this.#socket = socket;
    socket.on("connect", () => {
      this.#isConnected = true;
      for (const message of [this.#hello, ...this.#untold.splice(0)]) writeLine(socket, message);
      this.#onConnected();
    });
    // Followed by "close".
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#isConnected) this.#leaderlessSinceMs = this.#monotonicMs();
      this.#isConnected = false;
      this.#redial = setTimeout(() => this.start(), RECONNECT_AFTER_MS);
    });
    readLines(
      socket,
      { schema: ToDraining, maxBytes: MAX_DRAINING_LINE_BYTES },
      { take: (message) => this.#onMessage(message), refuse: (error) => socket.destroy(error) },
    );
  }

  report(message: FromDraining): void {
    if (this.#socket !== null && this.#isConnected) writeLine(this.#socket, message);
    else if (this.#untold.length < MAX_UNTOLD) this.#untold.push(message);
  }

  /** 0 while somebody is there. */
  get leaderlessForMs(): number {
    return this.#isConnected ? 0 : this.#monotonicMs() - this.#leaderlessSinceMs;
  }

  /** Resolves when the last word is on its way. */
  async close(last: FromDraining): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#redial);
    const socket = this.#socket;
    if (socket === null || !this.#isConnected) return;
    writeLine(socket, last);
    await new Promise((resolve) => socket.once("close", resolve).end());
  }
}
