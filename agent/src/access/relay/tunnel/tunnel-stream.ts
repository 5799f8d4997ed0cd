/**
 * One stream of a tunnel, whoever has dialled it: the gateway's client on one side, the service in the container on the other. Like a
 * relayed connection (relayed-connection.ts) each way ends by itself, a slow reader slows the writer down, and an
 * error of one side is an end for the other.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { TUNNEL_BREAK_HEADER } from "@remotegpu/shared/messages/gateway-tunnel";
import type { RelaySocket } from "../connections/relay-socket.ts";
import type { ConnectionEnd } from "../connections/relayed-connection.ts";
import { reset } from "../connections/reset.ts";

const KEEPALIVE_AFTER_MS = 60_000;

export class TunnelStream {
  readonly #stream: ServerHttp2Stream;
  readonly #service: RelaySocket;
  readonly #reportsBreaks: boolean;
  /** Whoever ended first. */
  #end: ConnectionEnd | null = null;
  #isBroken = false;

  /** The service has not been read from; where breaks are told, the stream waits for trailers. */
  constructor(
    stream: ServerHttp2Stream,
    service: RelaySocket,
    { reportsBreaks, onClosed }: { reportsBreaks: boolean; onClosed: (end: ConnectionEnd) => void },
  ) {
    this.#stream = stream;
    this.#service = service;
    this.#reportsBreaks = reportsBreaks;
    let open = 2;
    const closed = () => {
      open -= 1;
      if (open === 0) onClosed(this.end);
    };
    service.setNoDelay(true);
    service.setKeepAlive(true, KEEPALIVE_AFTER_MS);
    stream.on("end", () => (this.#end ??= { by: "client", detail: "" }));
    service.on("end", () => (this.#end ??= { by: "container", detail: "" }));
    stream.on("error", () => undefined);
    service.on("error", () => {
      this.#end ??= { by: "container", detail: "" };
      this.#reportBreak();
    });
    stream.once("wantTrailers", () => {
      // It may have been left in this very moment.
      if (!stream.closed) stream.sendTrailers(this.#isBroken ? { [TUNNEL_BREAK_HEADER]: "1" } : {});
    });
    // Half a transfer is passed on as such: the other side must not take it for a whole one.
    stream.once("close", () => {
      this.#end ??= { by: "client", detail: "" };
      if (!service.writableEnded || !stream.readableEnded) reset(service);
      closed();
    });
    service.once("close", () => {
      if (!service.readableEnded) this.#reportBreak();
      closed();
    });
    stream.pipe(service);
    service.writeInto(stream);
  }

  /** Bytes of the client that reached the service's socket. */
  get bytesIn(): number {
    return Math.max(0, this.#service.bytesWritten - this.#service.writableLength);
  }

  get bytesOut(): number {
    return this.#service.bytesRead;
  }

  /** How it ended; while it is open, that it was lost. */
  get end(): ConnectionEnd {
    return this.#end ?? { by: "lost", detail: "" };
  }

  destroy(end: ConnectionEnd): void {
    this.#end ??= end;
    breakOff(this.#stream);
    this.#service.destroy();
  }

  /** Half a transfer is told as such, after all that there is of it; what was over before is none. */
  #reportBreak(): void {
    if (!this.#reportsBreaks) return breakOff(this.#stream);
    if (this.#service.readableEnded) return;
    this.#isBroken = true;
    this.#stream.end();
  }
}

function breakOff(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) stream.close(constants.NGHTTP2_CONNECT_ERROR);
}
