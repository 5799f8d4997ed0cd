/**
 * Connections to containers for Node's HTTP client, kept and used again: a pool for each port of each instance, over the
 * tunnels to hosts. It reads nothing of what goes through.
 */
import { Agent, type ClientRequest, type ClientRequestArgs } from "node:http";
import type { Duplex } from "node:stream";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { Destination, Tunnels } from "../tunnel/tunnel.ts";

const MAX_IDLE_EACH = 64;
/** Below the five seconds after which Node's own servers end a connection that nobody uses. */
const IDLE_MS = 4_000;
/** How a destination stands where Node expects a host's name. No id has the sign. */
const SIGN = "~";

/** What Node's client asks for to come to this agent's destination. */
export function agentTarget({ hostId, instanceId, port }: Destination): {
  protocol: "http:";
  host: string;
  port: number;
} {
  return { protocol: "http:", host: `${instanceId}${SIGN}${hostId}`, port };
}

export class TunnelAgent extends Agent {
  readonly #tunnels: Tunnels;
  readonly #idle = new WeakMap<Duplex, () => void>();
  /** Opened ahead of the request that is to use it. */
  readonly #ahead = new Map<string, Set<Duplex>>();

  constructor(tunnels: Tunnels) {
    super({ keepAlive: true, maxFreeSockets: MAX_IDLE_EACH, scheduling: "lifo" });
    this.#tunnels = tunnels;
  }

  /** The next request there finds a connection, be it for a moment. */
  has(to: Destination): boolean {
    const { host, port } = agentTarget(to);
    return this.#isStored(to) || this.#ahead.has(`${host}:${port}`);
  }

  #isStored(to: Destination): boolean {
    const { host, port } = agentTarget(to);
    return (this.freeSockets[this.getName({ host, port })]?.length ?? 0) > 0;
  }

  /**
   * The next request there finds a connection, so that what can fail on the way fails before anything is asked.
   * @throws TunnelError
   */
  async prepare(to: Destination): Promise<void> {
    if (this.#isStored(to)) return;
    const { host, port } = agentTarget(to);
    const opened = await this.#tunnels.open(to);
    const key = `${host}:${port}`;
    const ahead = this.#ahead.get(key) ?? new Set();
    this.#ahead.set(key, ahead.add(opened));
    const end = () => {
      this.#takeAhead(key, opened);
      opened.destroy();
    };
    const timer = setTimeout(end, IDLE_MS).unref();
    opened.once("end", end).once("error", end).once("close", end);
    this.#idle.set(opened, () => {
      clearTimeout(timer);
      opened.off("end", end).off("close", end);
    });
  }

  override createConnection(
    { host, port }: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const [instanceId = "", hostId = ""] = (host ?? "").split(SIGN);
    const to = { hostId: hostId as HostId, instanceId: instanceId as InstanceId, port: Number(port) };
    const done = callback as (error: Error | null, stream?: Duplex) => void;
    void this.#open(to, done);
  }

  async #open(to: Destination, done: (error: Error | null, stream?: Duplex) => void): Promise<void> {
    const { host, port } = agentTarget(to);
    const ahead = this.#takeAhead(`${host}:${port}`);
    if (ahead !== undefined) return done(null, ahead);
    const opened = await this.#tunnels.open(to).catch((error: unknown) => error as Error);
    if (opened instanceof Error) done(opened);
    else done(null, opened);
  }

  /** Undefined where none is there. */
  #takeAhead(key: string, one = this.#ahead.get(key)?.values().next().value): Duplex | undefined {
    const ahead = this.#ahead.get(key);
    if (one === undefined || ahead?.delete(one) !== true) return undefined;
    if (ahead.size === 0) this.#ahead.delete(key);
    this.#idle.get(one)?.();
    this.#idle.delete(one);
    return one;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    // Node's types do not tell that it answers whether the socket may be used again.
    const isStored = (super.keepSocketAlive(socket) as unknown) !== false;
    const end = () => socket.destroy();
    const timer = setTimeout(end, IDLE_MS);
    timer.unref();
    // Whoever speaks unasked, or has ended its side, is no use for a next request; half-open, it would take that.
    socket.on("data", end).on("end", end);
    const stopWaiting = () => {
      clearTimeout(timer);
      socket.off("data", end).off("end", end).off("close", stopWaiting);
    };
    socket.once("close", stopWaiting);
    this.#idle.set(socket, stopWaiting);
    return isStored;
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    this.#idle.get(socket)?.();
    this.#idle.delete(socket);
    super.reuseSocket(socket, request);
  }
}
