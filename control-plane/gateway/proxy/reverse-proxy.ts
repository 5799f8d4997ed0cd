/**
 * Carries one request or one WebSocket to a container, and its answer back. All of it goes by undici's dispatch, over pooled
 * connections (client-pool.ts); what has a body is sent as fast as the container takes it. Trailers of a request end
 * here: undici sends none, and nobody was found who needs them; those of an answer go on.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { headersFromContainer, type HeaderMap } from "../../server/core/gateway/forwarded-headers.ts";
import type { Destination, Tunnels } from "../tunnel/tunnel.ts";
import { FairScheduler } from "./fair-scheduler.ts";
import { ClientPool } from "../pool/client-pool.ts";
import { RequestBody } from "./request-body.ts";
import { type ForwardedRequest, pass } from "./response-forwarder.ts";
import { passUpgrade } from "./upgrade-forwarder.ts";

/** Asked twice they do no more than once; what has a body cannot be sent again. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** A container has so long to answer that it takes a WebSocket, unless whoever asks says otherwise. */
const UPGRADE_WITHIN_MS = 60_000;

export class ReverseProxy {
  readonly #clients: ClientPool;
  readonly #turns = new FairScheduler();

  constructor(tunnels: Tunnels) {
    this.#clients = new ClientPool(tunnels);
  }

  /** Resolves when the answer is over. @throws what went wrong before anything of it was sent on; TunnelError among it */
  async carry(forwarded: ForwardedRequest, to: Destination): Promise<void> {
    const leave = this.#turns.enter(to.instanceId);
    try {
      await (hasNoBody(forwarded.request) ? this.#request(forwarded, to) : this.#send(forwarded, to));
    } finally {
      leave();
    }
  }

  async #request(forwarded: ForwardedRequest, instance: Destination): Promise<void> {
    const { method = "" } = forwarded.request;
    const shares = isForEvents(forwarded.request) ? "host" : this.#clients.sharing(instance);
    const to: Destination = { ...instance, shares };
    const first = this.#clients.take(to);
    const by = { clients: this.#clients, turns: this.#turns };
    try {
      await pass(forwarded, first, by);
    } catch (error) {
      // A kept connection that ended just when it was to be used again says nothing about the container.
      const wasStored = first.answers > 0;
      if (!wasStored || !REPEATABLE.has(method) || !isBrokenOff(error)) throw error;
      await pass(forwarded, this.#clients.makeAnew(to), by);
    }
  }

  async #send(forwarded: ForwardedRequest, to: Destination): Promise<void> {
    const { request } = forwarded;
    const headers = { ...forwarded.headers };
    // Who sends on says by itself how the body goes, and has no trailers.
    for (const name of ["transfer-encoding", "trailer"]) delete headers[name];
    const body = new RequestBody(request, () => this.#turns.pace(request, body, to.instanceId));
    await pass({ ...forwarded, headers, body }, this.#clients.take(to), {
      clients: this.#clients,
      turns: this.#turns,
    });
  }

  /** Resolves when it is over, or was refused. @throws as carry; LateError where there is no answer within that time */
  async carryUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    {
      to,
      headers,
      answered = headersFromContainer,
      withinMs = UPGRADE_WITHIN_MS,
    }: {
      to: Destination;
      /** As the container is to see them. */
      headers: HeaderMap;
      answered?: NonNullable<ForwardedRequest["answered"]>;
      withinMs?: number;
    },
  ): Promise<void> {
    await this.#turns.opening(to.instanceId, () => socket.destroyed);
    if (socket.destroyed) return;
    socket.once("close", this.#turns.enter(to.instanceId));
    // There may be thousands of them that are silent.
    const pooled = this.#clients.makeAnew({ ...to, shares: "host" });
    await passUpgrade({ request, socket, head, headers, answered, withinMs }, pooled, this.#turns);
  }

  close(): void {
    this.#clients.close();
  }
}

const BREAKS_OFF = new Set<unknown>(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

function isBrokenOff(error: unknown): boolean {
  return error instanceof Error && "code" in error && BREAKS_OFF.has(error.code);
}

/** As browsers ask for streams of events, of which there may be thousands that say little. */
function isForEvents({ headers }: IncomingMessage): boolean {
  return headers.accept === "text/event-stream";
}

function hasNoBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] === undefined && (headers["content-length"] ?? "0") === "0";
}
