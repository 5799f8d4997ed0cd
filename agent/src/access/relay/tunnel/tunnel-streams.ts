/**
 * The streams of tunnels, whoever dialled: each is a gateway's `CONNECT <instance>:<port>` within an HTTP/2 connection,
 * served as on a connection of its own.
 */
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { TLSSocket } from "node:tls";
import {
  MAX_TUNNEL_STREAMS,
  TUNNEL_BEARS,
  TUNNEL_BREAK_HEADER,
  TUNNEL_CLIENT_HEADER,
  TUNNEL_MEMORY_MIB,
  TUNNEL_PING_EVERY_MS,
  TUNNEL_SILENT_AFTER_MS,
  TUNNEL_STREAM_WINDOW,
  TUNNEL_WINDOW,
} from "@remotegpu/shared/messages/gateway-tunnel";
import {
  type GatewayRequest,
  type NoRoute,
  statusOf,
  type GatewayRoute,
  gatewayRequestOf,
} from "../connections/gateway-request.ts";
import { TunnelStream } from "./tunnel-stream.ts";

const SETTINGS = {
  initialWindowSize: TUNNEL_STREAM_WINDOW,
  maxConcurrentStreams: MAX_TUNNEL_STREAMS,
  enablePush: false,
};

export class TunnelStreams {
  readonly #open: (gatewayRequest: GatewayRequest) => Promise<GatewayRoute | NoRoute>;
  readonly #onChange: () => void;
  readonly #clock: { monotonicMs: () => number };
  readonly #streams = new Set<ServerHttp2Stream>();

  constructor(options: {
    open: (gatewayRequest: GatewayRequest) => Promise<GatewayRoute | NoRoute>;
    onChange: () => void;
    clock: { monotonicMs: () => number };
  }) {
    this.#open = options.open;
    this.#onChange = options.onChange;
    this.#clock = options.clock;
  }

  get openConnections(): number {
    return this.#streams.size;
  }

  /** Serves what is asked on the connection, which is past its handshake; a gateway that falls silent is given up. */
  serveOn(socket: TLSSocket): ServerHttp2Session {
    const session = performServerHandshake(socket, {
      settings: SETTINGS,
      maxSessionMemory: TUNNEL_MEMORY_MIB,
      ...TUNNEL_BEARS,
    });
    session.setLocalWindowSize(TUNNEL_WINDOW);
    session.on("error", () => socket.destroy());
    session.on("stream", (stream, headers) => void this.#serve(stream, headers));
    this.#watch(session, socket);
    return session;
  }

  /** Bytes show that the other side lives, whatever they are; pings make some. */
  #watch(session: ServerHttp2Session, socket: TLSSocket): void {
    let seen = { bytes: socket.bytesRead, ms: this.#clock.monotonicMs() };
    const watching = setInterval(() => {
      const nowMs = this.#clock.monotonicMs();
      if (socket.bytesRead !== seen.bytes) seen = { bytes: socket.bytesRead, ms: nowMs };
      if (nowMs - seen.ms >= TUNNEL_SILENT_AFTER_MS) socket.destroy();
      else session.ping(() => undefined);
    }, TUNNEL_PING_EVERY_MS);
    socket.once("close", () => clearInterval(watching));
  }

  async #serve(stream: ServerHttp2Stream, headers: Record<string, unknown>): Promise<void> {
    this.#streams.add(stream);
    this.#onChange();
    stream.once("close", () => {
      this.#streams.delete(stream);
      this.#onChange();
    });
    stream.on("error", () => undefined);
    if (headers[":method"] !== "CONNECT") return refuse(stream, 405);
    const gatewayRequest = gatewayRequestOf(headers[":authority"], headers[TUNNEL_CLIENT_HEADER]);
    if (gatewayRequest === null) return refuse(stream, 400);
    const route = await this.#open(gatewayRequest);
    if (typeof route === "string") return refuse(stream, statusOf(route));
    const { service, carry } = route;
    if (stream.destroyed) return void service.destroy();
    const reportsBreaks = headers[TUNNEL_BREAK_HEADER] !== undefined;
    stream.respond({ ":status": 200 }, { waitForTrailers: reportsBreaks });
    carry((onClosed) => new TunnelStream(stream, service, { reportsBreaks, onClosed }));
  }
}

function refuse(stream: ServerHttp2Stream, status: 400 | 405 | 409 | 503): void {
  if (stream.destroyed) return;
  stream.respond({ ":status": status }, { endStream: true });
  // What it still sends is of no interest.
  stream.close(constants.NGHTTP2_NO_ERROR);
}
