/**
 * The way of a request to an inference service: who asks, which replica it is given, and on to that one; to another where it
 * surely never reached the first. Each step may be the last, with an answer of our own.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Client, HeaderMap } from "../../server/core/gateway/forwarded-headers.ts";
import type { ResponseRateLimiter } from "../../server/core/gateway/response-rate.ts";
import type { CallRight } from "../../server/core/gateway/services/call-right.ts";
import type { ServiceAddress } from "../../server/core/gateway/services/service-address.ts";
import {
  type Call,
  corsHeaders,
  headersFromReplica,
  headersToReplica,
  isByBrowser,
  preflightHeaders,
  presentedRequestId,
  presentedServiceKey,
} from "../../server/core/gateway/services/service-headers.ts";
import { patienceSeconds } from "../../server/core/gateway/services/service-route.ts";
import { type Answer, answer, answerUpgrade, sandboxOf } from "../answers/answers.ts";
import {
  garbled,
  late,
  unreachable,
  notIn,
  nothingHere,
  refusal,
  tooMany,
  unknownNow,
} from "../answers/refusals.ts";
import { endReasonOf } from "../entry/open-by-right.ts";
import { RightsUnknown } from "../entry/rights.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import { LateError } from "../proxy/upgrade-forwarder.ts";
import { TunnelError } from "../tunnel/tunnel.ts";
import type { Callers } from "./callers.ts";
import type { CountedRequest } from "./counted-request.ts";
import type { KeyGate } from "./key-gate.ts";
import type { Given, LoadBalancerQueue, Taken } from "./load-balancer-queue.ts";
import type { LoadBalancerQueues } from "./load-balancer-queues.ts";
import type { Traffic } from "./traffic.ts";

const RETRY_AFTER_SECONDS = 2;
const NONE: ReadonlySet<string> = new Set();
/** Why a request ends before its answer. Without one, Node makes an exception with its stack for each. */
const GONE = new Error("the client is gone");
const NOT_ALLOWED = new Error("its key opens nothing here any more");
const LATE = new Error("the replica does not answer in time");

export interface ServiceProxyParts {
  lines: LoadBalancerQueues;
  callers: Callers;
  reverseProxy: ReverseProxy;
  traffic: Traffic;
  keyGate: KeyGate;
  /** How long answers in place of which a replica said something broken wait, and answers that it breaks off. */
  garbage: ResponseRateLimiter;
  /** Ends those that do not come. */
  slowBodies: { watch(request: IncomingMessage): void };
}

/** A request that is let in, with what its answers carry whoever gives them. */
interface Entered {
  kind: "entered";
  line: LoadBalancerQueue;
  call: Call;
  cors: HeaderMap | null;
  /** Null where anybody may ask. */
  key: string | null;
  /** A service that sleeps is started for it. */
  wakes: boolean;
  counted: CountedRequest;
}

type Entry =
  | Entered
  | { kind: "answer"; answer: Answer; counted: CountedRequest | null }
  /** A browser asks whether a page may ask. */
  | { kind: "preflight"; headers: Record<string, string> };

/** What came of one replica: all that there is to say to whoever asked, or nothing that reached it. */
type Tried =
  | { kind: "over" }
  | { kind: "answer"; answer: Answer }
  | { kind: "not-reached"; error: TunnelError };

export class ServiceProxy {
  readonly #parts: ServiceProxyParts;

  constructor(parts: ServiceProxyParts) {
    this.#parts = parts;
  }

  /** Resolves when it is over. */
  async request(
    request: IncomingMessage,
    response: ServerResponse,
    at: { address: ServiceAddress; client: Client },
  ): Promise<void> {
    const ending = new AbortController();
    // Whoever ends their side waits for nothing any more: what a replica would still do is nobody's, and takes a place.
    const { socket } = request;
    const leave = () => void response.destroy();
    socket.once("end", leave);
    let counted: CountedRequest | null = null;
    response.once("close", () => {
      socket.off("end", leave);
      if (!response.writableFinished) ending.abort(GONE);
      counted?.over(response.writableFinished);
    });
    const report = (answered: Answer) => {
      counted?.statusSent(answered.status);
      answer(request, response, answered);
    };
    const entered = await this.#enter(request, at);
    if (entered.kind === "preflight")
      return void response.writeHead(204, { ...entered.headers, ...sandboxOf(request) }).end();
    ({ counted } = entered);
    if (response.closed) counted?.over(response.writableFinished);
    if (entered.kind === "answer") return report(entered.answer);
    request.url = at.address.path;
    let isRequested = false;
    // What only hands on awaits nothing itself: thousands of answers may last, and each function that waits costs memory.
    const answered = await this.#serve(entered, ending, (given) => {
      if (!isRequested) {
        isRequested = true;
        if (request.headers.expect !== undefined) response.writeContinue();
        if (!request.complete) this.#parts.slowBodies.watch(request);
      }
      return this.#carry({ request, response, given, ending }, entered);
    });
    if (answered !== null && !response.destroyed) report(answered);
  }

  /** Resolves when it is over, or was refused. */
  async upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    at: { address: ServiceAddress; client: Client },
  ): Promise<void> {
    const ending = new AbortController();
    socket.once("close", () => ending.abort(GONE));
    const entered = await this.#enter(request, at);
    if (entered.kind === "preflight") return void socket.destroy();
    const { counted } = entered;
    const report = (answered: Answer) => {
      counted?.statusSent(answered.status);
      answerUpgrade(request, socket, answered);
    };
    const over = () => counted?.over(true);
    if (socket.closed) over();
    else socket.once("close", over);
    if (entered.kind === "answer") return report(entered.answer);
    request.url = at.address.path;
    const { signal } = ending;
    const answered = await this.#serve(entered, ending, async (given) => {
      const end = () => void socket.destroy();
      try {
        if (signal.aborted) return { kind: "over" };
        signal.addEventListener("abort", end);
        const { call, cors, line } = entered;
        const headers = headersToReplica(request.headers, call, { isUpgrade: true });
        const answered = (headers: HeaderMap, status: number) => {
          line.leave(signal);
          counted?.answered(headers, status);
          return headersFromReplica(headers, call, cors);
        };
        const withinMs = line.route.bounds.timeoutSeconds * MS_PER_SECOND;
        await this.#parts.reverseProxy.carryUpgrade(request, socket, head, {
          to: given.place,
          headers,
          answered,
          withinMs,
        });
        if (!socket.destroyed) await new Promise((resolve) => void socket.once("close", resolve));
        return { kind: "over" };
      } catch (error) {
        if (error instanceof TunnelError) return { kind: "not-reached", error };
        return { kind: "answer", answer: error instanceof LateError ? late : garbled };
      } finally {
        signal.removeEventListener("abort", end);
      }
    });
    if (answered !== null) report(answered);
  }

  /** Null where it is all told. */
  async #serve(
    { line, key, wakes, call, cors, counted }: Entered,
    ending: AbortController,
    attempt: (given: Given) => Promise<Tried>,
  ): Promise<Answer | null> {
    const answered = (text: Answer) => withHeaders(text, ownHeaders(call, cors));
    const { signal } = ending;
    const isGone = () => signal.reason === GONE;
    const refuse = () => ending.abort(NOT_ALLOWED);
    const open = key === null ? null : this.#parts.callers.enter(line.route.id, key, refuse);
    const isRefused = () => open?.signal.aborted === true;
    const refused = () => {
      const reason = (open && endReasonOf(open.signal)) ?? "entry-over";
      return answered(refusal({ kind: "no-entry", reason }));
    };
    let tried: Set<string> | null = null;
    line.count({ wakes });
    const untilMs = performance.now() + patienceSeconds(line.route) * MS_PER_SECOND;
    try {
      for (;;) {
        counted.waits();
        const taken = await line.take(tried ?? NONE, signal, { wakes });
        const isOver = isGone() || isRefused();
        counted.isWith(taken.kind === "given" && !isOver ? taken.place.revision : 0);
        if (isOver) {
          if (taken.kind === "given") taken.done(null);
          return isGone() ? null : refused();
        }
        if (taken.kind !== "given") return answered(notGiven(taken));
        const outcome = await attempt(taken);
        taken.done(hasAnswered(outcome, { isGone: isGone(), isRefused: isRefused() }));
        if (outcome.kind === "over") return null;
        if (outcome.kind === "not-reached" || isRefused()) counted.isWith(0);
        if (isRefused()) return refused();
        if (outcome.kind === "answer") {
          if (outcome.answer === garbled) await this.#rate(line, signal);
          return answered(outcome.answer);
        }
        if (performance.now() >= untilMs) return answered(unreachable(outcome.error, null));
        const failedAt = (tried ??= new Set()).add(taken.place.instanceId);
        if (line.route.replicas.some(({ instanceId }) => !failedAt.has(instanceId))) continue;
        counted.waits();
        const sentAway = await line.rest(signal);
        counted.isWith(0);
        if (isGone()) return null;
        if (isRefused()) return refused();
        if (sentAway !== null) return answered(notGiven(sentAway));
        tried = null;
      }
    } finally {
      line.leave(signal);
      open?.leave();
    }
  }

  /** As nobody else has to wait for. */
  async #rate(line: LoadBalancerQueue, signal: AbortSignal): Promise<void> {
    const waitMs = this.#waitMs(line);
    // Whoever is gone waits for nothing.
    if (waitMs > 0) await pause(waitMs, undefined, { ref: false, signal }).catch(() => undefined);
  }

  #waitMs({ route }: LoadBalancerQueue): number {
    return this.#parts.garbage.waitMs(route.id, performance.now());
  }

  async #carry(
    {
      request,
      response,
      given,
      ending,
    }: { request: IncomingMessage; response: ServerResponse; given: Given; ending: AbortController },
    { line, call, cors, counted }: Entered,
  ): Promise<Tried> {
    const { signal } = ending;
    const timer = setTimeout(() => ending.abort(LATE), line.route.bounds.timeoutSeconds * MS_PER_SECOND);
    const headers = headersToReplica(request.headers, call, { isUpgrade: false });
    const answered = (answered: HeaderMap, status: number) => {
      clearTimeout(timer);
      line.leave(signal);
      counted.answered(answered, status);
      return headersFromReplica(answered, call, cors);
    };
    try {
      await this.#parts.reverseProxy.carry(
        {
          request,
          response,
          headers,
          answered,
          reader: () => counted.reader,
          breaksOff: () => this.#waitMs(line),
          signal,
        },
        given.place,
      );
      return { kind: "over" };
    } catch (error) {
      if (response.headersSent || response.destroyed) {
        response.destroy();
        return { kind: "over" };
      }
      if (signal.reason === LATE) return { kind: "answer", answer: late };
      if (error instanceof TunnelError) return { kind: "not-reached", error };
      return { kind: "answer", answer: garbled };
    } finally {
      clearTimeout(timer);
    }
  }

  async #enter(
    request: IncomingMessage,
    { address, client }: { address: ServiceAddress; client: Client },
  ): Promise<Entry> {
    const { headers, method = "" } = request;
    const beganMs = performance.now();
    const refused = (answered: Answer): Entry => ({ kind: "answer", answer: answered, counted: null });
    try {
      const line = await this.#parts.lines.of(address.id);
      if (line === null) return refused(nothingHere);
      const counted = (keyName: string | null) =>
        this.#parts.traffic.begin(request, { serviceId: address.id, keyName, beganMs });
      const { corsOrigins, isPublic } = line.route;
      const preflight = preflightHeaders(method, headers, corsOrigins);
      if (preflight !== null) return { kind: "preflight", headers: texts(preflight) };
      const cors = corsHeaders(headers, corsOrigins);
      const key = presentedServiceKey(headers);
      const requestId = presentedRequestId(headers) ?? randomUUID();
      const { prefix } = address;
      const call: Call = { client, requestId, keyName: null, prefix, byBrowser: isByBrowser(headers) };
      const right = key === null ? null : await this.#right(address.id, key, { isPublic });
      if (right?.allowed === true) {
        const { keyName, of, limits } = right;
        const wakes = right.wakes || isPublic;
        const own = counted(keyName);
        const named = { serviceId: address.id, keyName, of };
        const passed = limits === null ? null : await this.#parts.keyGate.pass(named, limits);
        if (passed?.passes === false) {
          const answered = tooMany(passed.reason, passed.retryAfterSeconds);
          return { kind: "answer", answer: withHeaders(answered, ownHeaders(call, cors)), counted: own };
        }
        if (passed !== null) own.whenOver(passed.over);
        return { kind: "entered", line, call: { ...call, keyName }, cors, key, wakes, counted: own };
      }
      if (isPublic)
        return { kind: "entered", line, call, cors, key: null, wakes: true, counted: counted(null) };
      const answered = right === null ? notIn("key-not-sent") : refusal(right);
      return {
        kind: "answer",
        answer: withHeaders(answered, ownHeaders(call, cors)),
        counted: counted(null),
      };
    } catch (error) {
      if (error instanceof RightsUnknown) return refused(unknownNow("database-unavailable"));
      throw error;
    }
  }

  /** Where anybody may ask, a key of which nothing is known is no more than none. @throws RightsUnknown */
  async #right(id: string, key: string, { isPublic }: { isPublic: boolean }): Promise<CallRight | null> {
    try {
      return await this.#parts.callers.right(id, key);
    } catch (error) {
      if (isPublic && error instanceof RightsUnknown) return null;
      throw error;
    }
  }
}

function withHeaders(answered: Answer, headers: Record<string, string>): Answer {
  return { ...answered, headers: { ...answered.headers, ...headers } };
}

/** Null where that says nothing of the replica: whoever asked left, or was cut off by us. */
function hasAnswered(
  { kind }: Tried,
  { isGone, isRefused }: { isGone: boolean; isRefused: boolean },
): boolean | null {
  if (kind === "not-reached") return false;
  if (isRefused || (isGone && kind === "over")) return null;
  return kind === "over";
}

function notGiven(taken: Exclude<Taken, Given>): Answer {
  const { reason } = taken;
  if (taken.kind === "closed")
    return { problem: "not-running", status: 503, title: "It does not run", reason };
  if (taken.isServing) return tooMany(reason, RETRY_AFTER_SECONDS);
  return {
    problem: "no-replica",
    status: 503,
    title: "No replica serves",
    reason,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  };
}

function ownHeaders({ requestId }: Call, cors: HeaderMap | null): Record<string, string> {
  return { "x-request-id": requestId, ...texts(cors ?? {}) };
}

function texts(headers: HeaderMap): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}
