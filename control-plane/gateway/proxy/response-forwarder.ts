/**
 * One request on its way through a pooled connection, and the answer as it comes: its head once, its body as fast as the
 * client takes it, its trailers. It ends with the client's connection, and asks nothing twice.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import {
  headersFromContainer,
  type HeaderMap,
  passedTrailers,
} from "../../server/core/gateway/forwarded-headers.ts";
import type { FairScheduler } from "./fair-scheduler.ts";
import type { PooledClient, ClientPool } from "../pool/client-pool.ts";
import { InterimAnswers } from "./interim-answers.ts";

/** A body of at most so much goes out with its head. */
const SMALL_BYTES = 16 * 1024;
export const GONE = new Error("the client is gone");
const GIVEN_UP = new Error("this was given up");
/** Other reasons than these are told by the number alone. */
const PLAIN_REASON = /^[\t\x20-\x7e]*$/;

export interface ForwardedBody {
  stream: Readable;
  /** Called once there is a connection to send it on. */
  begin: () => void;
}

export interface ForwardedRequest {
  request: IncomingMessage;
  response: ServerResponse;
  /** As the container is to see them. */
  headers: HeaderMap;
  /** Left out where it has none. */
  body?: ForwardedBody;
  /** Which of the answer's headers come back; left out, those of any container. */
  answered?: ((headers: HeaderMap, status: number) => HeaderMap) | undefined;
  /** Who sees the body of the answer go by, asked once its head is there. */
  reader?: (() => ((piece: Buffer) => void) | null) | undefined;
  /** How many milliseconds its end waits where the container breaks off amid its answer. Left out, none. */
  breaksOff?: (() => number) | undefined;
  /** Aborted, it ends however far it is, and rejects where nothing of an answer was sent on. */
  signal?: AbortSignal;
}

/** Resolves when the answer is over, whole or not. Rejects with what went wrong before anything of it was sent on. */
export async function pass(
  forwarded: ForwardedRequest,
  pooled: PooledClient,
  { clients, turns }: { clients: ClientPool; turns: FairScheduler },
): Promise<void> {
  const {
    request,
    response,
    headers,
    body,
    answered = headersFromContainer,
    reader,
    breaksOff,
    signal,
  } = forwarded;
  if (response.destroyed) return;
  if (signal?.aborted === true) throw GIVEN_UP;
  let [end, giveUp] = [() => {}, () => {}];
  try {
    await new Promise<void>((resolve, reject) => {
      const forwarding = new ResponseForwarder(response, {
        stored: pooled,
        clients,
        turns,
        answered,
        reader,
        breaksOff,
        begin: body?.begin,
        reject,
      });
      end = () => {
        forwarding.abort();
        resolve();
      };
      response.once("close", end);
      giveUp = () => {
        forwarding.abort();
        if (response.headersSent) response.destroy();
        else reject(GIVEN_UP);
      };
      signal?.addEventListener("abort", giveUp);
      const { method = "GET", url: path = "/" } = request;
      pooled.client.dispatch({ method, path, headers, body: body?.stream ?? null }, forwarding);
    });
  } finally {
    response.off("close", end);
    signal?.removeEventListener("abort", giveUp);
  }
}

class ResponseForwarder implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #cached: PooledClient;
  readonly #clients: ClientPool;
  readonly #turns: FairScheduler;
  readonly #answered: NonNullable<ForwardedRequest["answered"]>;
  readonly #readerOf: ForwardedRequest["reader"];
  readonly #breaksOff: ForwardedRequest["breaksOff"];
  readonly #begin: (() => void) | undefined;
  readonly #reject: (error: Error) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #read: ((piece: Buffer) => void) | null = null;
  #isGone = false;
  #hasTrailers = false;
  /** The whole length of a body that is small and may come at once; else no length of any. */
  #wholeLength = -1;
  #whole: Buffer | null = null;
  #isGathering = false;
  readonly #interim = new InterimAnswers();

  constructor(
    response: ServerResponse,
    parts: {
      stored: PooledClient;
      clients: ClientPool;
      turns: FairScheduler;
      answered: NonNullable<ForwardedRequest["answered"]>;
      reader: ForwardedRequest["reader"];
      breaksOff: ForwardedRequest["breaksOff"];
      begin: (() => void) | undefined;
      reject: (error: Error) => void;
    },
  ) {
    this.#response = response;
    this.#cached = parts.stored;
    this.#clients = parts.clients;
    this.#turns = parts.turns;
    this.#answered = parts.answered;
    this.#readerOf = parts.reader;
    this.#breaksOff = parts.breaksOff;
    this.#begin = parts.begin;
    this.#reject = parts.reject;
  }

  /** The end of what is over by then does nothing. */
  abort(): void {
    this.#isGone = true;
    this.#controller?.abort(GONE);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isGone) controller.abort(GONE);
    else this.#begin?.();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: HeaderMap,
    reason = "",
  ): void {
    if (this.#interim.takes(status, controller)) return;
    if (this.#response.headersSent) return;
    // Else they, and with them all that was read in one piece, stay for as long as the answer lasts.
    controller.rawHeaders = null;
    const reported = this.#answered(headers, status);
    this.#read = this.#readerOf?.() ?? null;
    const length = Number(reported["content-length"] ?? -1);
    if (length > 0 && length <= SMALL_BYTES) this.#wholeLength = length;
    this.#hasTrailers = reported["trailer"] !== undefined;
    reported["connection"] = this.#response.shouldKeepAlive ? "keep-alive" : "close";
    if (PLAIN_REASON.test(reason) && reason !== "") this.#response.writeHead(status, reason, reported);
    else this.#response.writeHead(status, reported);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#read?.(chunk);
    this.#clients.came(this.#cached, chunk.length);
    if (chunk.length === this.#wholeLength) {
      this.#whole = chunk;
      return;
    }
    this.#gather();
    const hasRoom = this.#response.write(chunk);
    const { instanceId } = this.#cached;
    if (this.#turns.isToWait(instanceId, chunk.length)) {
      controller.pause();
      this.#turns.wait(instanceId, { take: () => this.#goOn(controller), isGone: () => this.#isGone });
    } else if (!hasRoom) {
      controller.pause();
      this.#response.once("drain", () => controller.resume());
    }
  }

  /** Once there is room. */
  #goOn(controller: Dispatcher.DispatchController): void {
    if (this.#isGone) return;
    if (this.#response.writableNeedDrain) this.#response.once("drain", () => controller.resume());
    else controller.resume();
  }

  /**
   * What comes in one turn goes out in one write: a host's bytes come in pieces of 16 KiB, as TLS cuts them. The connection
   * holds them back and not the response: Node's response, where it has to say itself how long each piece is, forgets to
   * tell that there is room again.
   */
  #gather(): void {
    const { socket } = this.#response;
    if (this.#isGathering || socket === null) return;
    this.#isGathering = true;
    socket.cork();
    setImmediate(() => {
      this.#isGathering = false;
      socket.uncork();
    });
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: HeaderMap): void {
    this.#clients.giveBack(this.#cached);
    const passed = this.#hasTrailers ? passedTrailers(trailers) : null;
    if (passed !== null) this.#response.addTrailers(passed);
    // As text of one byte a letter it goes out with the head, in one piece.
    if (this.#whole === null) this.#response.end();
    else this.#response.end(this.#whole.toString("latin1"), "latin1");
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#response.headersSent) this.#breakOff();
    else if (!this.#isGone) this.#reject(error);
  }

  #breakOff(): void {
    const response = this.#response;
    const waitMs = this.#isGone ? 0 : (this.#breaksOff?.() ?? 0);
    if (waitMs > 0) setTimeout(() => response.destroy(), waitMs).unref();
    else response.destroy();
  }
}
