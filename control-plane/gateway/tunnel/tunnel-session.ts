/**
 * One connection to a host for many ways, whichever of the two has dialled: we ask over HTTP/2, and each stream is a way
 * into one of its containers. A stream that nobody reads holds up no other, and so much of it waits here as its window
 * holds.
 */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
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
import { ANSWER_WITHIN_MS, refusalOf, type Target } from "./connect-request.ts";
import { TunnelError } from "./tunnel.ts";

const SETTINGS = { initialWindowSize: TUNNEL_STREAM_WINDOW, enablePush: false };

export class TunnelSession {
  readonly #session: ClientHttp2Session;
  readonly #socket: TLSSocket;
  readonly #idleMs: number | null;
  #streams = 0;
  #idle: NodeJS.Timeout | undefined;

  /**
   * @param idleMs after so long without a stream it ends; null: it stays
   * @param onClosed no stream can be opened any more
   */
  constructor(
    socket: TLSSocket,
    { idleMs = null, onClosed }: { idleMs?: number | null; onClosed: () => void },
  ) {
    this.#socket = socket;
    this.#idleMs = idleMs;
    this.#session = connect("https://host", {
      createConnection: () => socket,
      settings: SETTINGS,
      maxSessionMemory: TUNNEL_MEMORY_MIB,
      ...TUNNEL_BEARS,
      peerMaxConcurrentStreams: MAX_TUNNEL_STREAMS,
    });
    this.#session.on("error", () => socket.destroy());
    this.#session.once("connect", () => this.#session.setLocalWindowSize(TUNNEL_WINDOW));
    // Of a relay that retires: its streams go on, and it dials no more.
    this.#session.once("goaway", onClosed);
    this.#session.once("close", onClosed);
    this.#watch();
  }

  get isOpen(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  get isFull(): boolean {
    return this.#streams >= MAX_TUNNEL_STREAMS;
  }

  /** @throws TunnelError */
  async open(target: Target): Promise<Duplex> {
    if (this.isFull) throw new TunnelError("away", "tunnel-streams-too-many");
    const stream = this.#session.request(
      {
        [constants.HTTP2_HEADER_METHOD]: "CONNECT",
        [constants.HTTP2_HEADER_AUTHORITY]: `${target.instanceId}:${target.port}`,
        [TUNNEL_BREAK_HEADER]: "told",
        ...(target.client !== undefined && { [TUNNEL_CLIENT_HEADER]: target.client }),
      },
      { endStream: false },
    );
    this.#streams += 1;
    clearTimeout(this.#idle);
    stream.once("close", () => this.#left());
    stream.once("trailers", (trailers) => {
      if (TUNNEL_BREAK_HEADER in trailers) breaksAfterRest(stream);
    });
    const status = await statusOf(stream);
    if (status === 200) return likeSocket(stream);
    stream.on("error", () => undefined);
    stream.destroy();
    throw refusalOf(status, target.port);
  }

  /** It ends with its last stream. */
  retire(): void {
    this.#session.close();
  }

  #left(): void {
    this.#streams -= 1;
    if (this.#streams > 0 || this.#idleMs === null) return;
    this.#idle = setTimeout(() => this.retire(), this.#idleMs).unref();
  }

  /** Bytes show that the other side lives, whatever they are; pings make some. */
  #watch(): void {
    let seen = { bytes: this.#socket.bytesRead, ms: performance.now() };
    const watching = setInterval(() => {
      if (this.#socket.bytesRead !== seen.bytes)
        seen = { bytes: this.#socket.bytesRead, ms: performance.now() };
      if (performance.now() - seen.ms >= TUNNEL_SILENT_AFTER_MS) this.#socket.destroy();
      else if (!this.#session.destroyed) this.#session.ping(() => undefined);
    }, TUNNEL_PING_EVERY_MS);
    this.#socket.once("close", () => clearInterval(watching));
  }
}

/**
 * Those who carry HTTP set what only a socket of the system has; the connection's own is set once for all. And what they
 * write in one turn goes out piece by piece: of text, bytes and an empty text in one write Node (24.21) frees the first before
 * it is sent, so that a request began with whatever lay in that memory by then.
 */
function likeSocket(stream: ClientHttp2Stream): Duplex {
  return Object.assign(stream, {
    _writev: null,
    setNoDelay: nothingToSet,
    setKeepAlive: nothingToSet,
    ref: nothingToSet,
    unref: nothingToSet,
  });
}

/** Its end, once all before it was read, is told as the break that it is; Node tells trailers before that. */
function breaksAfterRest(stream: ClientHttp2Stream): void {
  const emit = stream.emit.bind(stream);
  stream.emit = (event: string | symbol, ...rest: unknown[]) => {
    if (event !== "end") return emit(event, ...rest);
    stream.destroy(Object.assign(new Error("the container broke off"), { code: "ECONNRESET" }));
    return true;
  };
}

function nothingToSet<One>(this: One): One {
  return this;
}

async function statusOf(stream: ClientHttp2Stream): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), ANSWER_WITHIN_MS);
  const lost = () => reject(new TunnelError("away", "tunnel-unanswered"));
  stream.once("error", lost);
  stream.once("close", lost);
  stream.once("response", (headers) => resolve(Number(headers[constants.HTTP2_HEADER_STATUS])));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stream.off("error", lost);
    stream.off("close", lost);
    if (stream.destroyed) stream.on("error", () => undefined);
  }
}
