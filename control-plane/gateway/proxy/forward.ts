/**
 * Passes the requests and WebSockets of visits to their environment's container. Knows nothing of rights: each ends when its
 * visit's signal says so.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { type Client, headersToContainer } from "../../server/core/gateway/forwarded-headers.ts";
import { isRelayed, portOf, targetText } from "../../server/core/environments/web-target.ts";
import type { ResponseRateLimiter } from "../../server/core/gateway/response-rate.ts";
import { answer, answerUpgrade } from "../answers/answers.ts";
import { garbled, late, notIn, unreachable } from "../answers/refusals.ts";
import { type Destination, TunnelError } from "../tunnel/tunnel.ts";
import { endReasonOf } from "../entry/open-by-right.ts";
import type { Visit } from "../entry/visit.ts";
import type { ReverseProxy } from "./reverse-proxy.ts";
import { LateError } from "./upgrade-forwarder.ts";

export interface ForwardDeps {
  /** How long answers in place of which a container said something broken wait, and those that it breaks off: it is often asked no faster. */
  garbage: ResponseRateLimiter;
  reverseProxy: ReverseProxy;
  /** What the gateway adds for a service, over what the client sent. */
  headersFor: (visit: Visit) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
}

export class Forwarder {
  readonly #reverseProxy: ReverseProxy;
  readonly #headersFor: ForwardDeps["headersFor"];
  readonly #garbage: ResponseRateLimiter;

  constructor({ reverseProxy, headersFor, garbage }: ForwardDeps) {
    this.#reverseProxy = reverseProxy;
    this.#garbage = garbage;
    this.#headersFor = headersFor;
  }

  /** Resolves when it is over. */
  async request(
    request: IncomingMessage,
    response: ServerResponse,
    visit: Visit,
    client: Client,
  ): Promise<void> {
    const headers = await this.#headers(request, visit, { client, isUpgrade: false });
    const end = () => this.#end(request, response, visit);
    if (visit.signal.aborted) return end();
    visit.signal.addEventListener("abort", end);
    try {
      const breaksOff = () => this.#waitMs(visit);
      await this.#reverseProxy.carry({ request, response, headers, breaksOff }, destinationOf(visit));
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy();
      if (!(error instanceof TunnelError)) await this.#rate(visit);
      answer(request, response, error instanceof TunnelError ? unreachable(error, visit.answer) : garbled);
    } finally {
      visit.signal.removeEventListener("abort", end);
    }
  }

  /** Resolves when it is over, or was refused. */
  async upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { visit, client }: { visit: Visit; client: Client },
  ): Promise<void> {
    const headers = await this.#headers(request, visit, { client, isUpgrade: true });
    const end = () => void socket.destroy();
    if (visit.signal.aborted) return end();
    visit.signal.addEventListener("abort", end);
    try {
      await this.#reverseProxy.carryUpgrade(request, socket, head, { to: destinationOf(visit), headers });
    } catch (error) {
      if (!(error instanceof TunnelError)) await this.#rate(visit);
      const unsound = error instanceof LateError ? late : garbled;
      answerUpgrade(
        request,
        socket,
        error instanceof TunnelError ? unreachable(error, visit.answer) : unsound,
      );
    } finally {
      visit.signal.removeEventListener("abort", end);
    }
  }

  async #rate(visit: Visit): Promise<void> {
    const waitMs = this.#waitMs(visit);
    if (waitMs > 0) await pause(waitMs, undefined, { ref: false });
  }

  #waitMs({ environment: { instanceId }, target }: Visit): number {
    return this.#garbage.waitMs(`${instanceId} ${targetText(target)}`, performance.now());
  }

  async #headers(
    request: IncomingMessage,
    visit: Visit,
    { client, isUpgrade }: { client: Client; isUpgrade: boolean },
  ): Promise<IncomingMessage["headers"]> {
    const injected = this.#headersFor(visit);
    return headersToContainer(request.headers, client, {
      isUpgrade,
      injected: injected instanceof Promise ? await injected : injected,
    });
  }

  #end(request: IncomingMessage, response: ServerResponse, { signal }: Visit): void {
    const reason = endReasonOf(signal) ?? "entry-over";
    if (response.headersSent) response.destroy();
    else answer(request, response, notIn(reason));
  }
}

function destinationOf({ environment: { hostId, instanceId }, target }: Visit): Destination {
  const port = isRelayed(target) ? null : portOf(target);
  return { hostId, instanceId, port: port ?? 0 };
}
