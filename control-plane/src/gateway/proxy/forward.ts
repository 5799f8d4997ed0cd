/**
 * Passes one request, or one WebSocket, to the container and its answer back, as long as either lasts. Knows nothing of
 * rights: it ends when the visit's signal says so. What has no body, nearly everything, goes the short way of undici's
 * dispatch, which costs less; bodies, whose trailers and early answers that one does not know, and WebSockets go through
 * httpxy.
 */
import type { ClientRequest, IncomingMessage, OutgoingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { createProxyServer, type ProxyServer } from "httpxy";
import {
  type Asker,
  headersFromContainer,
  headersToContainer,
  passedTrailers,
} from "../../core/gateway/forwarded-headers.ts";
import { portOf } from "../../core/environments/web-target.ts";
import { answer, answerUpgrade } from "../answers/answers.ts";
import { lastWords } from "../answers/last-words.ts";
import { garbled, noWay, refusal } from "../answers/told.ts";
import { type Destination, TunnelError, type Tunnels } from "../tunnel/tunnel.ts";
import type { Visit } from "../visit.ts";
import { KeptClients } from "./kept-clients.ts";
import { type Asked, pass } from "./passing.ts";
import { agentTarget, TunnelAgent } from "./tunnel-agent.ts";

/** Asked twice they do no more than once; what has a body cannot be sent again. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS"]);
/** A container has so long to answer that it takes a WebSocket. */
const UPGRADE_WITHIN_MS = 60_000;

export interface ForwardDeps {
  tunnels: Tunnels;
  /** What the gateway adds for a service, over what the client sent. */
  headersFor: (visit: Visit) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
}

export class Forwarder {
  readonly #clients: KeptClients;
  readonly #agent: TunnelAgent;
  /** Of WebSockets, of which there may be thousands that say nothing. */
  readonly #lasting: TunnelAgent;
  readonly #proxy: ProxyServer;
  readonly #headersFor: ForwardDeps["headersFor"];
  readonly #sent = new WeakMap<IncomingMessage, ClientRequest>();

  constructor({ tunnels, headersFor }: ForwardDeps) {
    this.#clients = new KeptClients(tunnels);
    this.#agent = new TunnelAgent(tunnels);
    this.#lasting = new TunnelAgent({ open: (to) => tunnels.open({ ...to, isLasting: true }) });
    this.#headersFor = headersFor;
    this.#proxy = createProxyServer();
    this.#proxy.on("proxyReq", (sent, request) => {
      this.#sent.set(request, sent);
      passTrailersOn(request, sent);
    });
    this.#proxy.on("proxyRes", (answered, _request, response) => {
      const wantsClose = response.shouldKeepAlive ? "keep-alive" : "close";
      answered.headers = { ...headersFromContainer(answered.headers), connection: wantsClose };
      if (answered.headers.trailer !== undefined) passTrailersBack(answered, response);
    });
    this.#proxy.on("proxyReqWs", (sent, request, socket) => {
      this.#sent.set(request, sent);
      socket.once("close", () => sent.destroy());
      sent.once("response", (answered) => {
        // The library writes what is no upgrade by the headers as they came, and ends the connection.
        const encoding = answered.headers["transfer-encoding"];
        answered.headers = headersFromContainer(answered.headers);
        if (encoding !== undefined) answered.headers["transfer-encoding"] = encoding;
        answered.once("end", () => lastWords(socket, ""));
      });
      sent.once("upgrade", (answered, upstream: Duplex) => {
        const { upgrade } = answered.headers;
        answered.headers = { ...headersFromContainer(answered.headers), connection: "Upgrade", upgrade };
        // Pipes carry an end, but not that the other side broke off.
        socket.once("close", () => upstream.destroy());
        upstream.once("close", () => socket.destroySoon());
      });
    });
  }

  /** Resolves when it is over. */
  async request(
    request: IncomingMessage,
    response: ServerResponse,
    visit: Visit,
    asker: Asker,
  ): Promise<void> {
    const isEmpty = hasNoBody(request);
    const headers = await this.#headers(request, visit, { asker, isUpgrade: false });
    const end = () => this.#end(request, response, visit);
    if (visit.signal.aborted) return end();
    visit.signal.addEventListener("abort", end);
    try {
      if (isEmpty) await this.#ask({ request, response, headers }, visit);
      else await this.#send({ request, response, headers }, visit);
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy();
      answer(request, response, error instanceof TunnelError ? noWay(error, visit.answer) : garbled);
    } finally {
      visit.signal.removeEventListener("abort", end);
    }
  }

  async #ask(asked: Asked, visit: Visit): Promise<void> {
    const { method = "" } = asked.request;
    const to = destinationOf(visit);
    const first = this.#clients.take(to);
    try {
      await pass(asked, first, this.#clients);
    } catch (error) {
      // A kept connection that ended just when it was to be used again says nothing about the container.
      const wasKept = first.answers > 0;
      if (!wasKept || !REPEATABLE.has(method) || !isBrokenOff(error)) throw error;
      await pass(asked, this.#clients.makeAnew(to), this.#clients);
    }
  }

  async #send({ request, response, headers }: Asked, visit: Visit): Promise<void> {
    request.headers = headers;
    await this.#proxy.web(request, response, this.#options(visit, this.#agent));
  }

  /** Resolves when it is over, or was refused. */
  async upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { visit, asker }: { visit: Visit; asker: Asker },
  ): Promise<void> {
    request.headers = await this.#headers(request, visit, { asker, isUpgrade: true });
    const end = () => void socket.destroy();
    if (visit.signal.aborted) return end();
    visit.signal.addEventListener("abort", end);
    try {
      await this.#proxy.ws(request, socket as never, this.#options(visit, this.#lasting), head);
    } catch (error) {
      // The library ends the socket in the same moment; what it has not sent yet goes out before.
      answerUpgrade(request, socket, error instanceof TunnelError ? noWay(error, visit.answer) : garbled);
    } finally {
      visit.signal.removeEventListener("abort", end);
    }
  }

  close(): void {
    this.#clients.close();
    this.#agent.destroy();
    this.#lasting.destroy();
  }

  #options(visit: Visit, agent: TunnelAgent) {
    return {
      target: agentTarget(destinationOf(visit)),
      agent,
      upgradeTimeout: UPGRADE_WITHIN_MS,
    };
  }

  async #headers(
    request: IncomingMessage,
    visit: Visit,
    { asker, isUpgrade }: { asker: Asker; isUpgrade: boolean },
  ): Promise<IncomingMessage["headers"]> {
    const injected = this.#headersFor(visit);
    return headersToContainer(request.headers, asker, {
      isUpgrade,
      injected: injected instanceof Promise ? await injected : injected,
    });
  }

  #end(request: IncomingMessage, response: ServerResponse, { signal }: Visit): void {
    const sentence = typeof signal.reason === "string" ? signal.reason : "This is over.";
    if (response.headersSent) response.destroy();
    else answer(request, response, refusal({ kind: "no-entry", sentence }));
    this.#sent.get(request)?.destroy();
  }
}

function destinationOf({ environment: { hostId, instanceId }, target }: Visit): Destination {
  const port = target === "ssh" ? null : portOf(target);
  return { hostId, instanceId, port: port ?? 0 };
}

const BREAKS_OFF = new Set<unknown>(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

function isBrokenOff(error: unknown): boolean {
  return error instanceof Error && "code" in error && BREAKS_OFF.has(error.code);
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
