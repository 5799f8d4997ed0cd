/**
 * Connections to containers that are asked one thing after another and are kept meanwhile: a stack for each port of each
 * instance, over the tunnels to hosts, so that the one used last is used next. It reads nothing of what goes through.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Client } from "undici";
import type { InstanceId } from "@remotegpu/shared/values/ids";
import { KIB } from "@remotegpu/shared/values/units";
import type { Destination, Tunnels } from "../tunnel/tunnel.ts";

const MAX_IDLE_EACH = 64;
/** Below the five seconds after which Node's own servers end a connection that nobody uses. */
const IDLE_MS = 4_000;
/** Who says so much in large pieces has connections of its own for a while. */
const BULK_BYTES = 256 * KIB;
const LEAST_LARGE_BYTES = 8 * KIB;
const BULK_FOR_MS = 60_000;
/** What a client of the library has to name; it is sent to nobody, since each request has its own Host. */
const ORIGIN = new URL("http://container");

type Connected = (...outcome: [error: Error, socket: null] | [error: null, socket: Socket]) => void;

/** One connection at a time, opened when it is first asked. */
export class PooledClient {
  readonly client: Client;
  readonly key: string;
  readonly place: string;
  readonly instanceId: InstanceId;
  /** In large pieces, of the answer that it gives now. */
  bulkBytes = 0;
  /** Answers that its connection has given: whether it may have ended just when it was to be used again. */
  answers = 0;

  constructor(to: Destination, tunnels: Tunnels) {
    this.key = keyOf(to);
    this.place = placeOf(to);
    this.instanceId = to.instanceId;
    this.client = new Client(ORIGIN, {
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      // A container may take any time, and an answer may last for days.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => void this.#connect(() => tunnels.open(to), callback),
    });
  }

  async #connect(open: () => Promise<Duplex>, done: Connected): Promise<void> {
    this.answers = 0;
    const opened = await open().catch((error: unknown) => error as Error);
    if (opened instanceof Error) return done(opened, null);
    opened.prependListener("error", asNoEnd);
    // The types know sockets of the system alone; a stream within another connection does as well.
    done(null, opened as Socket);
  }
}

export class ClientPool {
  readonly #tunnels: Tunnels;
  readonly #idle = new Map<string, PooledClient[]>();
  readonly #connected = new Set<PooledClient>();
  /** Who says much at once, and until when that is held against it. */
  readonly #bulk = new Map<string, number>();
  #isClosed = false;

  constructor(tunnels: Tunnels) {
    this.#tunnels = tunnels;
  }

  /** Whether short ones share a connection with others of their instance: not while it says much at once. */
  sharing(to: Destination): Destination["shares"] {
    const untilMs = this.#bulk.get(placeOf(to));
    if (untilMs === undefined) return "instance";
    if (performance.now() < untilMs) return undefined;
    this.#bulk.delete(placeOf(to));
    return "instance";
  }

  /** So much of an answer came in one piece. */
  came(one: PooledClient, bytes: number): void {
    if (bytes < LEAST_LARGE_BYTES) return;
    one.bulkBytes += bytes;
    if (one.bulkBytes <= BULK_BYTES) return;
    const nowMs = performance.now();
    if (!this.#bulk.has(one.place))
      for (const [place, untilMs] of this.#bulk) if (untilMs <= nowMs) this.#bulk.delete(place);
    this.#bulk.set(one.place, nowMs + BULK_FOR_MS);
  }

  take(to: Destination): PooledClient {
    return this.#idle.get(keyOf(to))?.pop() ?? this.makeAnew(to);
  }

  /** With a connection of its own, whatever is kept. */
  makeAnew(to: Destination): PooledClient {
    const made = new PooledClient(to, this.#tunnels);
    made.client.on("connect", () => {
      if (this.#isClosed) void made.client.destroy();
      else this.#connected.add(made);
    });
    // Whoever was given it in this very moment is asked for on a new connection.
    made.client.on("disconnect", () => this.#forget(made));
    return made;
  }

  /** After a whole answer. */
  giveBack(one: PooledClient): void {
    one.answers += 1;
    one.bulkBytes = 0;
    const idle = this.#idle.get(one.key) ?? [];
    if (idle.length >= MAX_IDLE_EACH) return void one.client.destroy();
    idle.push(one);
    this.#idle.set(one.key, idle);
  }

  /** Whatever is under way on them ends. */
  close(): void {
    this.#isClosed = true;
    for (const { client } of this.#connected) void client.destroy();
  }

  #forget(one: PooledClient): void {
    this.#connected.delete(one);
    const idle = this.#idle.get(one.key) ?? [];
    const at = idle.indexOf(one);
    if (at >= 0) idle.splice(at, 1);
    if (idle.length === 0) this.#idle.delete(one.key);
  }
}

/**
 * The library takes a reset for the end of an answer that has no length: half of one would be told as a whole one. What the
 * shared connection below says of itself is no other news than that this one broke.
 */
function asNoEnd(error: Error): void {
  if (!("code" in error) || typeof error.code !== "string") return;
  if (error.code === "ECONNRESET" || error.code.startsWith("ERR_HTTP2_")) error.code = "EPIPE";
}

function placeOf({ hostId, instanceId, port }: Destination): string {
  return `${hostId} ${instanceId} ${port}`;
}

function keyOf(to: Destination): string {
  return `${placeOf(to)} ${to.shares ?? "nothing"}`;
}
