/**
 * The way of every request: its form, how much is asked at once, which origin it names, who asks, whether they may, and
 * then to the container or to whoever else serves that service. Each step may be the last, with an answer of our own.
 * Nobody waits here for a turn (what pours does, in fair-scheduler.ts): to begin of each address one request after another,
 * for a millisecond of each turn of the event loop, was tried, and neighbours of a service whose WebSockets were opened by
 * the thousand waited as long.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "@remotegpu/shared/log";
import { inTrace } from "@remotegpu/shared/tracing/current-trace";
import { isForeignSocket, isForged } from "../../server/core/gateway/cross-site.ts";
import { type RequestedHost, readHost, type WebBase } from "../../server/core/gateway/origin.ts";
import {
  readServiceHost,
  readServicePath,
  type ServiceAddress,
} from "../../server/core/gateway/services/service-address.ts";
import { isBelowServices, isForWorker } from "../../server/core/gateway/services/shared-origin.ts";
import type { Admission } from "../../server/core/gateway/admission.ts";
import type { ResponseRateLimiter } from "../../server/core/gateway/response-rate.ts";
import { isRelayed } from "../../server/core/environments/web-target.ts";
import type { Knock } from "../../server/core/gateway/waking.ts";
import { readForm } from "../../server/core/gateway/request-form.ts";
import { traceOf } from "../entry/request-trace.ts";
import type { Entrance } from "../entry/entrance.ts";
import type { OpenVisits } from "../entry/open-visits.ts";
import type { Waker } from "../entry/waker.ts";
import { type Rights, RightsUnknown } from "../entry/rights.ts";
import type { PresentedCredential, PresentedEntries } from "../entry/presented-credential.ts";
import type { Forwarder } from "../proxy/forward.ts";
import type { ServiceProxy } from "../load-balancer/service-proxy.ts";
import type { Visit, VisitHandler } from "../entry/visit.ts";
import { addressOf } from "../entry/client.ts";
import { type Answer, answer, answerUpgrade, sandbox, wantsHtml } from "../answers/answers.ts";
import type { Load } from "./load.ts";
import type { SlowBodies } from "./slow-bodies.ts";
import {
  forged,
  misdirected,
  nothingHere,
  noWorker,
  notIn,
  refusal,
  tooMany,
  unknownNow,
} from "../answers/refusals.ts";

/** Paths of each origin that are the gateway's own. */
const OWN_PATHS = "/.remotegpu/";
const RELAYED_PATH = /^\/([a-z]+)\/([A-Za-z0-9_-]{1,64})$/;

/** Not understood, nothing of that name, too much at once, too long a head: nobody comes to these by using a page. */
const HELD_BACK = new Set([400, 421, 429, 431]);

export interface RouterParts {
  base: WebBase | null;
  /** Below which inference services have names of their own; null: nowhere. */
  serviceDomain: WebBase | null;
  /** The gateway speaks plain HTTP: whoever forwards to it from this machine tells who asks. */
  isBehindProxy: boolean;
  entrance: Entrance;
  presented: PresentedEntries;
  rights: Rights;
  waker: Waker;
  visits: OpenVisits;
  forwarder: Forwarder;
  /** By the targets that no container serves. */
  handlers: { terminal?: VisitHandler | undefined; relayed?: Pick<VisitHandler, "upgrade"> | undefined };
  load: Load;
  heldBack: ResponseRateLimiter;
  services: ServiceProxy;
  /** The load of requests to services, which are there for programs of many users. */
  serviceLoad: Load;
  slowBodies: SlowBodies;
  now: () => Date;
  log: Log;
}

type Origin = Extract<RequestedHost, { kind: "origin" }>;

/** What a request comes to: an answer of our own, or a visit with the path that is asked for there. */
type Outcome =
  | { kind: "answer"; answer: Answer }
  | { kind: "served" }
  | { kind: "service"; address: ServiceAddress; host: string }
  | { kind: "visit"; visit: Visit; leave: () => void; presented: PresentedCredential; host: string };

export class Router {
  readonly #parts: RouterParts;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    const { method } = request;
    const served = async () =>
      await this.#serve(request, response).catch((error: unknown) => {
        this.#parts.log.error({ error, method, host: request.headers.host }, "a request failed");
        answer(request, response, unknownNow("internal-error"));
      });
    void inTrace(traceOf(request), served);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const served = async () =>
      await this.#serveSocket(request, socket, head).catch((error: unknown) => {
        this.#parts.log.error({ error, host: request.headers.host }, "a WebSocket failed");
        answerUpgrade(request, socket, unknownNow("internal-error"));
      });
    void inTrace(traceOf(request), served);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const outcome = await this.#outcome(request, {
      isSocket: false,
      ended: (release) => response.once("close", release),
      enter: (origin) => this.#parts.entrance.request(request, response, origin),
    });
    if (outcome.kind === "served") return;
    if (outcome.kind === "answer") {
      await this.#rate(request, outcome.answer);
      return answer(request, response, outcome.answer);
    }
    if (outcome.kind === "service") {
      const { address, host } = outcome;
      return this.#parts.services.request(request, response, {
        address,
        client: this.#client(request, host),
      });
    }
    const { visit, leave, presented } = outcome;
    if (response.closed) return leave();
    response.once("close", leave);
    if (presented.by === "share" && isPageLoad(request))
      return this.#parts.entrance.bringIn(response, outcome);
    if (request.headers.expect !== undefined) response.writeContinue();
    if (!request.complete) this.#parts.slowBodies.watch(request);
    const { terminal } = this.#parts.handlers;
    if (visit.target !== "terminal")
      return await this.#parts.forwarder.request(
        request,
        response,
        visit,
        this.#client(request, outcome.host),
      );
    if (terminal === undefined) return answer(request, response, nothingHere);
    await terminal.request(request, response, visit);
  }

  async #serveSocket(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
    const outcome = await this.#outcome(request, {
      isSocket: true,
      ended: (release) => void closed.then(release),
      enter: () => false,
    });
    if (outcome.kind === "served") return;
    if (outcome.kind === "answer") {
      await this.#rate(request, outcome.answer);
      return answerUpgrade(request, socket, outcome.answer);
    }
    if (outcome.kind === "service") {
      const at = { address: outcome.address, client: this.#client(request, outcome.host) };
      return await this.#parts.services.upgrade(request, socket, head, at);
    }
    const { visit, leave, host } = outcome;
    void closed.then(leave);
    const { terminal, relayed } = this.#parts.handlers;
    const isOfBytes = isRelayed(visit.target);
    const handler = visit.target === "terminal" ? terminal : isOfBytes ? relayed : undefined;
    if (handler !== undefined) return await handler.upgrade(request, socket, head, visit);
    if (visit.target === "terminal" || isOfBytes) return answerUpgrade(request, socket, nothingHere);
    const client = this.#client(request, host);
    await this.#parts.forwarder.upgrade(request, socket, head, { visit, client });
  }

  async #outcome(
    request: IncomingMessage,
    as: {
      isSocket: boolean;
      /** Calls back once the request is over. */
      ended: (release: () => void) => unknown;
      /** Serves a path of the gateway's own; false where there is none of that name. */
      enter: (origin: Origin) => Promise<boolean> | boolean;
    },
  ): Promise<Outcome> {
    const { base, serviceDomain, load, serviceLoad, now, isBehindProxy } = this.#parts;
    const { method = "", url = "", httpVersion, rawHeaders } = request;
    const form = readForm({ method, url, httpVersion, rawHeaders, isSocket: as.isSocket });
    if (!form.isSound) {
      if (isBelowServices(url)) sandbox(request);
      const { status, reason } = form;
      return respond({ problem: "malformed-request", status, title: "Not understood", reason });
    }
    request.url = form.path;
    const requested = readHost(base, form.host);
    const isShared = requested?.kind === "bare" && isBelowServices(form.path);
    if (isShared) sandbox(request);
    const named = readServiceHost(serviceDomain, form.host, form.path);
    const service = named ?? (isShared ? readServicePath(form.path) : null);
    const taken = (service === null ? load : serviceLoad).take({
      address: addressOf(request, isBehindProxy),
      host: service?.id ?? (requested?.kind === "origin" ? requested.host : ""),
      isSocket: as.isSocket,
      nowMs: now().getTime(),
    });
    if (!taken.taken) return respond(tooMany(taken.reason, taken.retryAfterSeconds));
    as.ended(taken.release);
    if (isShared && named === null && isForWorker(request.headers)) return respond(noWorker);
    if (service !== null) return { kind: "service", address: service, host: form.host };
    if (requested === null) return respond(misdirected);
    try {
      if (requested.kind === "bare") return await this.#bare(request, as.isSocket);
      if (form.path.startsWith(OWN_PATHS))
        return (await as.enter(requested)) ? { kind: "served" } : respond(nothingHere);
      return await this.#comeIn(request, requested, as.isSocket);
    } catch (error) {
      if (error instanceof RightsUnknown) return respond(unknownNow("database-unavailable"));
      throw error;
    }
  }

  /** Below no name, where it is no service's path: nothing of any customer's but the ways of SSH and RDP, for programs. */
  async #bare(request: IncomingMessage, isSocket: boolean): Promise<Outcome> {
    const path = request.url?.split("?")[0] ?? "";
    if (!isSocket) {
      if (path !== "/healthz") return respond(nothingHere);
      return respond({ problem: null, status: 200, title: "It runs", reason: "gateway-running" });
    }
    const [, target = "", id = ""] = RELAYED_PATH.exec(path) ?? [];
    if (!isRelayed(target)) return respond(nothingHere);
    const presented = await this.#parts.presented.read({ headers: request.headers, host: "", path });
    if (presented.by !== "key") return respond(notIn("key-not-sent"));
    const host = request.headers.host ?? "";
    return await this.#visit(request, presented, { environmentId: id, target, host });
  }

  async #comeIn(request: IncomingMessage, origin: Origin, isSocket: boolean): Promise<Outcome> {
    const { entrance, presented: entries, base } = this.#parts;
    const { host, target } = origin;
    const { headers, method = "", url = "" } = request;
    const presented = await entries.read({ headers, host, path: url });
    if (presented.by === "nothing") return respond(notIn(presented.reason));
    const ownOrigin = `${base?.scheme ?? "https"}://${host}`;
    const isRefused = isSocket
      ? isForeignSocket(headers, ownOrigin, presented.by)
      : presented.by === "cookie" && isForged(method, headers, ownOrigin);
    if (isRefused) return respond(forged);
    const environmentId = await entrance.environmentId(origin.environment);
    if (environmentId === null) return respond(nothingHere);
    request.url = presented.path;
    return await this.#visit(request, presented, { environmentId, target, host });
  }

  async #visit(
    request: IncomingMessage,
    presented: Exclude<PresentedCredential, { by: "nothing" }>,
    at: { environmentId: string; target: Visit["target"]; host: string },
  ): Promise<Outcome> {
    const { visits, entrance } = this.#parts;
    const { target, host } = at;
    const admission = await this.#admission(request, presented, at);
    if (!admission.admitted) return respond(refusal(admission));
    if (presented.entry.kind === "share") entrance.noteShare(presented.entry.shareId);
    const { visit, leave } = visits.enter(presented.entry, admission.environment, target);
    return { kind: "visit", visit, leave, presented, host };
  }

  /** The admission to what does not run, once it was woken where that is desired. */
  async #admission(
    request: IncomingMessage,
    { entry, by }: Exclude<PresentedCredential, { by: "nothing" }>,
    { environmentId, target }: { environmentId: string; target: Visit["target"] },
  ): Promise<Admission> {
    const { rights, waker } = this.#parts;
    const found = await rights.request({ entry, environmentId }, target);
    if (found.admitted || found.sleeper === undefined) return found;
    const gone = new AbortController();
    const abort = () => gone.abort();
    request.socket.once("close", abort);
    try {
      const knock = knockOf(request, target, by);
      return await waker.admission({ entry, environmentId, target, knock, gone: gone.signal }, found);
    } finally {
      request.socket.off("close", abort);
    }
  }

  /** Whoever goes on with what is refused unseen is answered in a rhythm; it costs others as much as what is served. */
  async #rate(request: IncomingMessage, { status }: Answer): Promise<void> {
    if (!HELD_BACK.has(status)) return;
    const { heldBack, isBehindProxy } = this.#parts;
    const waitMs = heldBack.waitMs(addressOf(request, isBehindProxy), performance.now());
    if (waitMs > 0) await pause(waitMs, undefined, { ref: false });
  }

  #client(request: IncomingMessage, host: string) {
    const { base, isBehindProxy } = this.#parts;
    return { address: addressOf(request, isBehindProxy), scheme: base?.scheme ?? "https", host };
  }
}

function knockOf(request: IncomingMessage, target: Visit["target"], by: "key" | "cookie" | "share"): Knock {
  if (target === "ssh") return "ssh";
  // Its client comes again and again by itself once its desktop has gone.
  if (target === "rdp") return "background";
  if (by === "key") return "program";
  return isPageLoad(request) ? "page" : "background";
}

const respond = (answerOfOurs: Answer): Outcome => ({ kind: "answer", answer: answerOfOurs });

/** A browser that goes to a page, which can keep a cookie. */
function isPageLoad(request: IncomingMessage): boolean {
  const mode = request.headers["sec-fetch-mode"];
  return request.method === "GET" && (mode === undefined ? wantsHtml(request) : mode === "navigate");
}
