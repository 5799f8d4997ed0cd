/**
 * The newest access process's hold on those of before upgrades: hears what they carry, tells them what leases there
 * are, and ends the oldest when there would be too many, or one that does not answer.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { InstanceId, LeaseId } from "@remotegpu/shared/ids";
import type { Log } from "@remotegpu/shared/log";
import { readProcessStart } from "../../host/processes/process-liveness.ts";
import { readLines, writeLine } from "../lines.ts";
import type { Carrier } from "../book/access-book.ts";
import type { LeaseActivity, OpenAtInstance } from "../relay/relay-messages.ts";
import { openSocketFile } from "../../process/socket-file.ts";
import { FromElder, MAX_ELDER_LINE_BYTES, type ToElder } from "./elder-messages.ts";

const MAX_CONNECTIONS = 16;
const SAY_EVERY_MS = 10_000;
/** An elder that hangs would not hear of rights that are taken away. */
const SILENT_AT_MOST_MS = 60_000;
const END_WITHIN_MS = 3_000;
const ENDED = "The access process was ended.";

type Hello = Extract<FromElder, { kind: "hello" }>;
type Book = Extract<FromElder, { kind: "book" }>;
type Elder = { hello: Hello; socket: Socket; heardMs: number; gone: Promise<void>; because?: string };

export class Elders {
  readonly #path: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #processes = new Map<Socket, Elder>();
  readonly #heldLeases: () => LeaseId[];
  readonly #onActivity: (leases: LeaseActivity[]) => void;
  readonly #onSessions: (carrier: Carrier, book: Book) => void;
  readonly #onStreams: (carrier: Carrier, instances: OpenAtInstance[]) => void;
  readonly #onGone: (carrier: Carrier, because: string | undefined) => void;
  readonly #draining: () => readonly InstanceId[];
  readonly #onEnd: () => void;
  readonly #monotonicMs: () => number;
  readonly #log: Log;
  #sent = { text: "", atMs: Number.NEGATIVE_INFINITY };

  constructor(options: {
    path: string;
    /** Leases that are not released. */
    heldLeases: () => LeaseId[];
    onActivity: (leases: LeaseActivity[]) => void;
    /** Who is connected through one of them. */
    onSessions: (carrier: Carrier, book: Book) => void;
    /** What gateways have open to instances that drain. */
    onStreams: (carrier: Carrier, instances: OpenAtInstance[]) => void;
    /** Those. */
    draining: () => readonly InstanceId[];
    /** One has ended, and with it all that it carried. */
    onGone: (carrier: Carrier, because: string | undefined) => void;
    /** This process is to end. */
    onEnd: () => void;
    monotonicMs: () => number;
    log: Log;
  }) {
    this.#path = options.path;
    this.#heldLeases = options.heldLeases;
    this.#onActivity = options.onActivity;
    this.#onSessions = options.onSessions;
    this.#onStreams = options.onStreams;
    this.#draining = options.draining;
    this.#onGone = options.onGone;
    this.#onEnd = options.onEnd;
    this.#monotonicMs = options.monotonicMs;
    this.#log = options.log;
    this.#server = createServer((socket) => this.#meet(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws ControlSocketError */
  async open(): Promise<void> {
    await openSocketFile(this.#server, this.#path);
  }

  /** To all of them. */
  report(message: ToElder): void {
    for (const { socket } of this.#processes.values()) say(socket, message);
  }

  get relayIds(): Carrier[] {
    return [...this.#processes.values()].map(carrierOf);
  }

  /** Each is to let gateways into none of the instances that drain, and to tell what is open there. */
  drain(): void {
    for (const elder of this.#processes.values()) this.#sendDraining(elder);
  }

  /** Also removes the socket; elders go on, and look for whoever opens it next. */
  async close(): Promise<void> {
    this.#processes.clear();
    for (const socket of this.#connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** To be called about every second. */
  tick(): void {
    const nowMs = this.#monotonicMs();
    for (const elder of this.#processes.values())
      if (nowMs - elder.heardMs >= SILENT_AT_MOST_MS) {
        this.#log.error(
          { pid: elder.hello.pid },
          "an access process of before an upgrade hangs and is ended",
        );
        void this.#kill(elder);
      }
    const text = JSON.stringify(this.#heldLeases());
    if (text === this.#sent.text && nowMs - this.#sent.atMs < SAY_EVERY_MS) return;
    this.#sent = { text, atMs: nowMs };
    for (const { socket } of this.#processes.values()) this.#sendHeld(socket);
  }

  /** Makes room: afterwards there are so many at most. */
  async keepAtMost(most: number, because: string): Promise<void> {
    const oldestFirst = [...this.#processes.values()].toSorted(
      (a, b) => a.hello.retiredMs - b.hello.retiredMs,
    );
    await this.#end(oldestFirst.slice(0, Math.max(0, oldestFirst.length - most)), because);
  }

  async endAll(): Promise<void> {
    await this.#end([...this.#processes.values()], ENDED);
  }

  async #end(elders: readonly Elder[], because: string): Promise<void> {
    await Promise.all(
      elders.map(async (elder) => {
        say(elder.socket, { kind: "end", because });
        const timer = setTimeout(() => void this.#kill(elder), END_WITHIN_MS);
        await elder.gone;
        clearTimeout(timer);
      }),
    );
  }

  #meet(socket: Socket): void {
    this.#connections.add(socket);
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#connections.delete(socket);
      const elder = this.#processes.get(socket);
      this.#processes.delete(socket);
      if (elder !== undefined) this.#onGone(carrierOf(elder), elder.because);
      resolve();
    });
    readLines(
      socket,
      { schema: FromElder, maxBytes: MAX_ELDER_LINE_BYTES },
      {
        take: (message) => this.#hear(socket, message, gone),
        refuse: ({ message }) => {
          this.#log.warn({ reason: message }, "something that makes no sense came on the elders' socket");
          socket.destroy();
        },
      },
    );
  }

  #hear(socket: Socket, message: FromElder, gone: Promise<void>): void {
    const elder = this.#processes.get(socket);
    if (elder !== undefined) elder.heardMs = this.#monotonicMs();
    switch (message.kind) {
      case "hello":
        this.#processes.set(socket, { hello: message, socket, heardMs: this.#monotonicMs(), gone });
        this.#sendDraining({ hello: message, socket });
        this.#log.info(
          { pid: message.pid, bundle: message.bundle },
          "an access process of before an upgrade serves its connections to their end",
        );
        return this.#sendHeld(socket);
      case "heard":
        return;
      case "activity":
        return this.#onActivity(message.leases);
      case "book":
        if (elder !== undefined) this.#onSessions(carrierOf(elder), message);
        return;
      case "streams":
        if (elder !== undefined) this.#onStreams(carrierOf(elder), message.instances);
        return;
      case "end":
        return this.#onEnd();
      case "bye":
        if (elder !== undefined && message.because !== null) elder.because = message.because;
        this.#log.info(
          { pid: elder?.hello.pid, because: message.because ?? "nobody is connected to it any more" },
          "an access process of before an upgrade ends",
        );
        return;
    }
  }

  #sendHeld(socket: Socket): void {
    say(socket, { kind: "held", leases: this.#heldLeases() });
  }

  #sendDraining({ hello, socket }: Pick<Elder, "hello" | "socket">): void {
    if (hello.tellsStreams === true) say(socket, { kind: "draining", instances: [...this.#draining()] });
  }

  async #kill({ hello: { pid, startTicks }, socket }: Elder): Promise<void> {
    if ((await readProcessStart(pid)) === startTicks) process.kill(pid, "SIGKILL");
    socket.destroy();
  }
}

function carrierOf({ hello: { pid, startTicks } }: Elder): Carrier {
  return `elder ${pid} ${startTicks}`;
}

function say(socket: Socket, message: ToElder): void {
  writeLine(socket, message);
}
