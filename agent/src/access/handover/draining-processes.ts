/**
 * The newest access process's hold on those of before upgrades: hears what they carry, tells them what leases there
 * are, and ends the oldest when there would be too many, or one that does not answer.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { InstanceId, LeaseId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { readProcessStart } from "../../host/processes/process-liveness.ts";
import { readLines, writeLine } from "../control/lines.ts";
import type { RelayId } from "../sessions/session-registry.ts";
import type { LeaseActivity, OpenAtInstance } from "../relay/relay-messages.ts";
import { openSocketFile } from "../../process/socket-file.ts";
import { FromDraining, MAX_DRAINING_LINE_BYTES, type ToDraining } from "./draining-messages.ts";

const MAX_CONNECTIONS = 16;
const SEND_EVERY_MS = 10_000;
/** An elder that hangs would not hear of rights that are taken away. */
const SILENT_AT_MOST_MS = 60_000;
const END_WITHIN_MS = 3_000;
const ENDED = "The access process was ended.";

type Hello = Extract<FromDraining, { kind: "hello" }>;
type SessionsMessage = Extract<FromDraining, { kind: "book" }>;
type DrainingProcess = {
  hello: Hello;
  socket: Socket;
  heardMs: number;
  gone: Promise<void>;
  because?: string;
};

export class DrainingProcesses {
  readonly #path: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #processes = new Map<Socket, DrainingProcess>();
  readonly #heldLeases: () => LeaseId[];
  readonly #onActivity: (leases: LeaseActivity[]) => void;
  readonly #onSessions: (relayId: RelayId, sessions: SessionsMessage) => void;
  readonly #onStreams: (relayId: RelayId, instances: OpenAtInstance[]) => void;
  readonly #onGone: (relayId: RelayId, because: string | undefined) => void;
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
    onSessions: (relayId: RelayId, sessions: SessionsMessage) => void;
    /** What gateways have open to instances that drain. */
    onStreams: (relayId: RelayId, instances: OpenAtInstance[]) => void;
    /** Those. */
    draining: () => readonly InstanceId[];
    /** One has ended, and with it all that it carried. */
    onGone: (relayId: RelayId, because: string | undefined) => void;
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
  report(message: ToDraining): void {
    for (const { socket } of this.#processes.values()) send(socket, message);
  }

  get relayIds(): RelayId[] {
    return [...this.#processes.values()].map(relayIdOf);
  }

  /** Each is to let gateways into none of the instances that drain, and to tell what is open there. */
  drain(): void {
    for (const draining of this.#processes.values()) this.#sendDraining(draining);
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
    for (const draining of this.#processes.values())
      if (nowMs - draining.heardMs >= SILENT_AT_MOST_MS) {
        this.#log.error(
          { pid: draining.hello.pid },
          "an access process of before an upgrade hangs and is ended",
        );
        void this.#kill(draining);
      }
    const text = JSON.stringify(this.#heldLeases());
    if (text === this.#sent.text && nowMs - this.#sent.atMs < SEND_EVERY_MS) return;
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

  async #end(draining: readonly DrainingProcess[], because: string): Promise<void> {
    await Promise.all(
      draining.map(async (draining) => {
        send(draining.socket, { kind: "end", because });
        const timer = setTimeout(() => void this.#kill(draining), END_WITHIN_MS);
        await draining.gone;
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
      const draining = this.#processes.get(socket);
      this.#processes.delete(socket);
      if (draining !== undefined) this.#onGone(relayIdOf(draining), draining.because);
      resolve();
    });
    readLines(
      socket,
      { schema: FromDraining, maxBytes: MAX_DRAINING_LINE_BYTES },
      {
        take: (message) => this.#hear(socket, message, gone),
        refuse: ({ message }) => {
          this.#log.warn({ reason: message }, "a message on the socket of draining processes is malformed");
          socket.destroy();
        },
      },
    );
  }

  #hear(socket: Socket, message: FromDraining, gone: Promise<void>): void {
    const draining = this.#processes.get(socket);
    if (draining !== undefined) draining.heardMs = this.#monotonicMs();
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
        if (draining !== undefined) this.#onSessions(relayIdOf(draining), message);
        return;
      case "streams":
        if (draining !== undefined) this.#onStreams(relayIdOf(draining), message.instances);
        return;
      case "end":
        return this.#onEnd();
      case "bye":
        if (draining !== undefined && message.because !== null) draining.because = message.because;
        this.#log.info(
          { pid: draining?.hello.pid, because: message.because ?? "nobody is connected to it any more" },
          "an access process of before an upgrade ends",
        );
        return;
    }
  }

  #sendHeld(socket: Socket): void {
    send(socket, { kind: "held", leases: this.#heldLeases() });
  }

  #sendDraining({ hello, socket }: Pick<DrainingProcess, "hello" | "socket">): void {
    if (hello.tellsStreams === true) send(socket, { kind: "draining", instances: [...this.#draining()] });
  }

  async #kill({ hello: { pid, startTicks }, socket }: DrainingProcess): Promise<void> {
    if ((await readProcessStart(pid)) === startTicks) process.kill(pid, "SIGKILL");
    socket.destroy();
  }
}

function relayIdOf({ hello: { pid, startTicks } }: DrainingProcess): RelayId {
  return `elder ${pid} ${startTicks}`;
}

function send(socket: Socket, message: ToDraining): void {
  writeLine(socket, message);
}
