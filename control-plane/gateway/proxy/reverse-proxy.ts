/**
 * Carries one request, or one WebSocket, to a port of a container and its answer back, as long as either lasts; it knows
 * nothing of who asks. What has no body, nearly everything, goes the short way of undici's dispatch, which costs less;
 * bodies, whose trailers and early answers that one does not know, and WebSockets go through httpxy.
 */
import type { ClientRequest, IncomingMessage, OutgoingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { createProxyServer, type ProxyServer } from "httpxy";
import { headersFromContainer, passedTrailers } from "../../server/core/gateway/forwarded-headers.ts";
import { sendFinalResponse } from "../answers/final-response.ts";
import type { Destination, Tunnels } from "../tunnel/tunnel.ts";
import { FairScheduler } from "./fair-scheduler.ts";
import { ClientPool } from "../pool/client-pool.ts";
import { type ForwardedRequest, MAX_INTERIM_ANSWERS, pass } from "./response-forwarder.ts";
import { agentTarget, TunnelAgent } from "../pool/tunnel-agent.ts";

/** Asked twice they do no more than once; what has a body cannot be sent again. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** A container has so long to answer that it takes a WebSocket, unless whoever asks says otherwise. */
const UPGRADE_WITHIN_MS = 60_000;

/** A container did not say in time whether it takes a WebSocket. */
export class LateError extends Error {
  override readonly name = "LateError";
}

export class ReverseProxy {
  readonly #clients: ClientPool;
  readonly #agent: TunnelAgent;
  /** The agent of WebSockets, of which there may be thousands that are silent. */
  readonly #lasting: TunnelAgent;
  readonly #proxy: ProxyServer;
  readonly #sent = new WeakMap<IncomingMessage, ClientRequest>();
  /** The ends of WebSockets' waits for an answer. */
  readonly #awaited = new WeakMap<IncomingMessage, () => void>();
  readonly #requested = new WeakMap<
    IncomingMessage,
    Pick<ForwardedRequest, "answered" | "reader"> & { to: Destination }
  >();
  readonly #turns = new FairScheduler();

  constructor(tunnels: Tunnels) {
    this.#clients = new ClientPool(tunnels);
    this.#agent = new TunnelAgent(tunnels);
    this.#lasting = new TunnelAgent({ open: (to) => tunnels.open({ ...to, shares: "host" }) });
    this.#proxy = createProxyServer();
    this.#proxy.on("proxyReq", (sent, request) => {
      this.#sent.set(request, sent);
      refuseUnasked(sent);
      passTrailersOn(request, sent);
      this.#pace(request, request, sent);
    });
    this.#proxy.on("proxyRes", (answered, request, response) => {
      const connection = response.shouldKeepAlive ? "keep-alive" : "close";
      answered.headers = { ...this.#headersOf(request, answered), connection };
      if (answered.headers.trailer !== undefined) passTrailersBack(answered, response);
      const read = this.#requested.get(request)?.reader?.() ?? null;
      if (read !== null) answered.on("data", read);
      this.#pace(request, answered, response);
    });
    this.#proxy.on("proxyReqWs", (sent, request, socket) => {
      this.#sent.set(request, sent);
      socket.once("close", () => sent.destroy());
      sent.once("response", (answered) => {
        this.#awaited.get(request)?.();
        // The library writes what is no upgrade by the headers as they came, and ends the connection.
        const encoding = answered.headers["transfer-encoding"];
        answered.headers = this.#headersOf(request, answered);
        if (encoding !== undefined) answered.headers["transfer-encoding"] = encoding;
        answered.once("end", () => sendFinalResponse(socket, ""));
      });
      sent.once("upgrade", (answered, upstream: Duplex) => {
        this.#awaited.get(request)?.();
        // Whoever listens before the library has its pipes takes what came with the head for itself.
        process.nextTick(() => {
          this.#pace(request, upstream, socket);
          this.#pace(request, socket, upstream);
        });
        const { upgrade } = answered.headers;
        answered.headers = { ...this.#headersOf(request, answered), connection: "Upgrade", upgrade };
        // Pipes carry an end, but not that the other side broke off.
        socket.once("close", () => upstream.destroy());
        upstream.once("close", () => socket.destroySoon());
      });
    });
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

  async #send(
    { request, response, headers, answered, reader, signal }: ForwardedRequest,
    to: Destination,
  ): Promise<void> {
    // What was read of a body is gone with an attempt that finds no way.
    await this.#agent.prepare(to);
    if (response.destroyed) return;
    signal?.throwIfAborted();
    request.headers = headers;
    this.#requested.set(request, { to, answered, reader });
    const drop = () => (response.headersSent ? void response.destroy() : this.drop(request));
    signal?.addEventListener("abort", drop);
    try {
      await this.#proxy.web(request, response, optionsOf(to, this.#agent));
    } finally {
      signal?.removeEventListener("abort", drop);
    }
  }

  /** This next WebSocket there finds its way. @throws TunnelError */
  async prepareUpgrade(to: Destination, socket: Duplex): Promise<void> {
    await this.#turn(to, socket);
    if (!socket.destroyed) await this.#lasting.prepare(to);
  }

  /** Resolves when it is over, or was refused. @throws as carry; LateError where there is no answer within that time */
  async carryUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    {
      to,
      answered,
      withinMs = UPGRADE_WITHIN_MS,
    }: { to: Destination; answered?: ForwardedRequest["answered"]; withinMs?: number },
  ): Promise<void> {
    await this.#turn(to, socket);
    if (socket.destroyed) return;
    this.#requested.set(request, { to, answered });
    // The library's own bound ends the connection before anything can be said on it.
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new LateError()), withinMs);
    const letEnd = holdOpen(socket);
    const answeredNow = () => {
      clearTimeout(timer);
      letEnd();
    };
    this.#awaited.set(request, answeredNow);
    socket.once("close", this.#turns.enter(to.instanceId));
    const passed = this.#proxy.ws(request, socket as never, optionsOf(to, this.#lasting), head);
    try {
      await Promise.race([passed, late.promise]);
    } finally {
      answeredNow();
    }
  }

  /** Whatever of it is under way to the container ends. */
  drop(request: IncomingMessage): void {
    this.#sent.get(request)?.destroy();
  }

  close(): void {
    this.#clients.close();
    this.#agent.destroy();
    this.#lasting.destroy();
  }

  #headersOf(
    request: IncomingMessage,
    { headers, statusCode = 0 }: IncomingMessage,
  ): IncomingMessage["headers"] {
    return (this.#requested.get(request)?.answered ?? headersFromContainer)(headers, statusCode);
  }

  /** For a WebSocket whose way is to be opened. */
  async #turn(to: Destination, socket: Duplex): Promise<void> {
    if (!this.#lasting.has(to)) await this.#turns.opening(to.instanceId, () => socket.destroyed);
  }

  /** What is asked or answered, on its way there. */
  #pace(request: IncomingMessage, stream: Readable, into: OutgoingMessage | Duplex): void {
    const forwarded = this.#requested.get(request);
    if (forwarded !== undefined) this.#turns.pace(stream, into, forwarded.to.instanceId);
  }
}

/**
 * Until it is let end: where a container says nothing sound, the library ends the connection in the same moment in which it
 * tells so, and nothing could be said on it any more.
 */
function holdOpen(socket: Duplex): () => void {
  socket.end = () => socket;
  return () => void Reflect.deleteProperty(socket, "end");
}

function optionsOf(to: Destination, agent: TunnelAgent) {
  return { target: agentTarget(to), agent };
}

/** Neither of which Node's client ends by itself: an upgrade that nobody asked for, and interim answers without end. */
function refuseUnasked(sent: ClientRequest): void {
  let interim = 0;
  sent.on("information", () => {
    interim += 1;
    if (interim > MAX_INTERIM_ANSWERS) sent.destroy(new Error("there is no end of interim answers"));
  });
  sent.once("upgrade", (_answered, upstream: Duplex) => {
    upstream.destroy();
    // Its connection is no longer its own, so that it would not hear of this end.
    sent.emit("error", new Error("no other protocol was requested"));
  });
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

/** Only a chunked body has any. */
function passTrailersOn(request: IncomingMessage, sent: ClientRequest): void {
  if (request.headers.trailer === undefined) return;
  request.once("end", () => addTrailers(sent, request));
}

function passTrailersBack(answered: IncomingMessage, response: ServerResponse): void {
  answered.once("end", () => addTrailers(response, answered));
}

function addTrailers(to: OutgoingMessage, { trailers }: IncomingMessage): void {
  const passed = passedTrailers(trailers);
  if (passed !== null) to.addTrailers(passed);
}
