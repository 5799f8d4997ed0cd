/**
 * One WebSocket on its way to a container: its request goes out, and then the bytes of both sides go on as they come, the
 * first frames among them. A container that takes no WebSocket is heard as well: its refusal comes back as it stands.
 */
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import type { HeaderMap } from "../../server/core/gateway/forwarded-headers.ts";
import { sendFinalResponse } from "../answers/final-response.ts";
import type { FairScheduler } from "./fair-scheduler.ts";
import type { PooledClient } from "../pool/client-pool.ts";
import { InterimAnswers } from "./interim-answers.ts";
import { GONE } from "./response-forwarder.ts";

/** A container did not say in time whether it takes a WebSocket. */
export class LateError extends Error {
  override readonly name = "LateError";
}

export interface ForwardedUpgrade {
  request: IncomingMessage;
  socket: Duplex;
  /** What the client sent behind its request. */
  head: Buffer;
  /** As the container is to see them. */
  headers: HeaderMap;
  /** Which of the answer's headers come back. */
  answered: (headers: HeaderMap, status: number) => HeaderMap;
  /** The container has so long to answer. */
  withinMs: number;
}

/**
 * Resolves when the WebSocket, or its refusal, is over. @throws what went wrong before anything of an answer was sent on;
 * LateError where there is none within its time
 */
export async function passUpgrade(
  forwarded: ForwardedUpgrade,
  pooled: PooledClient,
  turns: FairScheduler,
): Promise<void> {
  const { request, socket, headers, withinMs } = forwarded;
  if (socket.destroyed) return;
  const { connection: _connection, upgrade: _upgrade, ...sent } = headers;
  let [late, gone] = [() => {}, () => {}];
  const timer = setTimeout(() => late(), withinMs);
  try {
    await new Promise<void>((resolve, reject) => {
      const forwarder = new UpgradeForwarder(forwarded, {
        pooled,
        turns,
        answeredNow: () => clearTimeout(timer),
        reject,
      });
      late = () => forwarder.giveUp(new LateError());
      gone = () => {
        forwarder.abort();
        resolve();
      };
      socket.once("close", gone);
      const { url: path = "/" } = request;
      pooled.client.dispatch({ method: "GET", path, headers: sent, upgrade: "websocket" }, forwarder);
    });
  } finally {
    clearTimeout(timer);
    socket.off("close", gone);
  }
}

class UpgradeForwarder implements Dispatcher.DispatchHandler {
  readonly #forwarded: ForwardedUpgrade;
  readonly #pooled: PooledClient;
  readonly #turns: FairScheduler;
  readonly #answeredNow: () => void;
  readonly #reject: (error: Error) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #abortedBy: Error | null = null;
  /** The head of a refusal is on its way, and of each piece of its body has to be said how long it is. */
  #isRefused = false;
  #isChunked = false;
  readonly #interim = new InterimAnswers();

  constructor(
    forwarded: ForwardedUpgrade,
    parts: {
      pooled: PooledClient;
      turns: FairScheduler;
      answeredNow: () => void;
      reject: (error: Error) => void;
    },
  ) {
    this.#forwarded = forwarded;
    this.#pooled = parts.pooled;
    this.#turns = parts.turns;
    this.#answeredNow = parts.answeredNow;
    this.#reject = parts.reject;
  }

  /** The end of what is over by then does nothing. */
  abort(error: Error = GONE): void {
    this.#abortedBy ??= error;
    this.#controller?.abort(error);
  }

  giveUp(error: Error): void {
    this.#reject(error);
    this.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortedBy !== null) controller.abort(this.#abortedBy);
  }

  onRequestUpgrade(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: HeaderMap,
    upstream: Duplex,
  ): void {
    this.#answeredNow();
    const { socket, head, answered } = this.#forwarded;
    if (socket.destroyed) return void upstream.destroy();
    const { upgrade } = headers;
    writeHead(socket, { status, headers: { ...answered(headers, status), connection: "Upgrade", upgrade } });
    if (head.length > 0) socket.unshift(head);
    const { instanceId } = this.#pooled;
    // An end goes on as an end, but that one side broke off, pipes do not say.
    socket.once("close", () => upstream.destroy());
    socket.on("error", () => upstream.destroy());
    upstream.once("close", () => destroySoon(socket));
    upstream.on("error", () => destroySoon(socket));
    upstream.pipe(socket).pipe(upstream);
    this.#turns.pace(upstream, socket, instanceId);
    this.#turns.pace(socket, upstream, instanceId);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: HeaderMap,
    reason = "",
  ): void {
    if (this.#interim.takes(status, controller)) return;
    this.#answeredNow();
    const { socket, answered } = this.#forwarded;
    if (socket.destroyed) return;
    const reported = answered(headers, status);
    this.#isRefused = true;
    this.#isChunked = headers["transfer-encoding"] !== undefined;
    delete reported["trailer"];
    if (this.#isChunked) reported["transfer-encoding"] = "chunked";
    writeHead(socket, { status, reason, headers: { ...reported, connection: "close" } });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { socket } = this.#forwarded;
    if (socket.destroyed) return;
    if (this.#isChunked) socket.write(`${chunk.length.toString(16)}\r\n`);
    socket.write(chunk);
    if (this.#isChunked) socket.write("\r\n");
    if (!socket.writableNeedDrain) return;
    controller.pause();
    socket.once("drain", () => controller.resume());
  }

  onResponseEnd(): void {
    sendFinalResponse(this.#forwarded.socket, this.#isChunked ? "0\r\n\r\n" : "");
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isRefused) this.#forwarded.socket.destroy();
    else if (this.#abortedBy === null) this.#reject(error);
  }
}

/** The head of an answer on a connection that Node's server has let go of; letters beyond ASCII stay as they came. */
function writeHead(
  socket: Duplex,
  { status, reason, headers }: { status: number; reason?: string; headers: HeaderMap },
): void {
  const text = reason === undefined || reason === "" ? (STATUS_CODES[status] ?? "") : reason;
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => `${name}: ${one}`),
  );
  socket.write(`HTTP/1.1 ${status} ${text}\r\n${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** After all that was written to it. */
function destroySoon(socket: Duplex): void {
  if (socket.writableFinished) socket.destroy();
  else socket.end(() => socket.destroy());
}
