/**
 * The agent's end of the control socket. Connects for as long as it takes; what cannot be said now is said after the
 * next connect, since everything is said each time.
 */
import { connect, type Socket } from "node:net";
import type { Log } from "@remotegpu/shared/log";
import { AccessAnswer, MAX_LINE_BYTES, type AccessList, type AccessMessage } from "./control-messages.ts";
import { readLines, writeLine } from "./lines.ts";

const RECONNECT_AFTER_MS = 500;

export class ControlClient {
  readonly #path: string;
  readonly #log: Log;
  readonly #onConnected: () => void;
  readonly #onMessage: (messages: AccessMessage) => void;
  #socket: Socket | null = null;
  #isConnected = false;
  #isClosed = false;
  #isMissing = false;
  #redial: NodeJS.Timeout | undefined;

  constructor(options: {
    path: string;
    /** A fresh connection, on which nothing has been said. */
    onConnected: () => void;
    onMessage: (messages: AccessMessage) => void;
    log: Log;
  }) {
    this.#path = options.path;
    this.#onConnected = options.onConnected;
    this.#onMessage = options.onMessage;
    this.#log = options.log;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  start(): void {
    if (this.#isClosed) return;
    const socket = connect(this.#path);
    this.#socket = socket;
    socket.on("connect", () => {
      this.#isConnected = true;
      this.#isMissing = false;
      this.#log.info({}, "connected to the access process");
      this.#onConnected();
    });
    socket.on("error", (error) => this.#missing(error));
    socket.on("close", () => {
      this.#isConnected = false;
      this.#redial = setTimeout(() => this.start(), RECONNECT_AFTER_MS);
    });
    readLines(
      socket,
      { schema: AccessAnswer, maxBytes: MAX_LINE_BYTES },
      {
        take: (answer) => {
          if (answer.kind === "held") this.#onMessage(answer);
          else this.#log.error({ reason: answer.reason }, "the access process refuses the list");
        },
        refuse: (error) => socket.destroy(error),
      },
    );
  }

  send(list: AccessList): void {
    if (this.#socket !== null && this.#isConnected) writeLine(this.#socket, list);
  }

  /** Whoever is at the other end does not answer. */
  reconnect(): void {
    this.#socket?.destroy();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
    clearTimeout(this.#redial);
  }

  #missing(error: Error): void {
    if (!this.#isMissing) this.#log.warn({ error }, "the access process is not to be reached");
    this.#isMissing = true;
  }
}
