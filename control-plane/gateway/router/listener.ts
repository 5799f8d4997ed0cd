/**
 * The port of the gateway: HTTP, or HTTPS by the operator's certificate, read again when its files change. It takes what
 * Node's own parser takes without leniency, with a bound on heads and none on bodies, and ends with everything that is
 * open on it, upgraded sockets too.
 */
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import { CountsByKey } from "@remotegpu/shared/counts-by-key";
import type { Log } from "@remotegpu/shared/log";
import { sendFinalResponse } from "../answers/final-response.ts";
import { LOOPBACK } from "../../server/core/accounts/client-address.ts";
import { IdleConnections } from "./idle-connections.ts";
import { GatewayListenError } from "./listen-error.ts";
import { onUpgradeStatus } from "./upgrade-status.ts";

const MAX_HEAD_BYTES = 32 * 1024;
const HEAD_WITHIN_MS = 15_000;
/** Node's own look comes twice a minute. */
const HEADS_CHECK_MS = 2_500;
/** Longer than proxies in front keep theirs, so that it is they who end a connection. */
const RETENTION_MS = 75_000;
const CERTIFICATE_CHECK_MS = 10_000;
/** A turn of this process in which there was little to do, and how many are waited for until one is. */
const QUIET_TURN_MS = 0.3;
const MAX_TURNS = 1_000;
/** The share of all connections that one address may have. */
const MAX_PART_OF_ADDRESS = 0.25;

export interface Router {
  request(this: void, request: IncomingMessage, response: ServerResponse): void;
  upgrade(this: void, request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface ListenOptions {
  /** How long the answer to what is no request waits. */
  waitMs: (address: string) => number;
  address: string;
  /** 0 picks a free one. */
  port: number;
  certificate: { certFile: string; keyFile: string } | null;
  maxConnections: number;
  /** A request or an upgrade was answered with this status. */
  onAnswer?: ((status: number) => void) | undefined;
  /** For TLS to come about, and then for each head. */
  headWithinMs?: number;
}

export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #cached = new IdleConnections();
  readonly #byAddress = new CountsByKey<string>();
  readonly #certificate: ListenOptions["certificate"];
  readonly #waitMs: ListenOptions["waitMs"];
  /** The connections on which something broken was read, and which wait for their answer. */
  readonly #broken = new WeakSet<Duplex>();
  readonly #log: Log;
  #watch: NodeJS.Timeout | null = null;
  /** So many connections so far. */
  #come = 0;
  #isEnding = false;
  #ended: Promise<unknown> | null = null;
  /** The files as they were when they were read. */
  #readAt = "";
  /** As they were when they were refused last; "" where one of them was not there. Null: they were not. */
  #refusedAt: string | null = null;

  private constructor(server: Server, { certificate, waitMs }: ListenOptions, log: Log) {
    this.#server = server;
    this.#certificate = certificate;
    this.#waitMs = waitMs;
    this.#log = log;
  }

  /** @throws GatewayListenError */
  static async open(router: Router, listenOptions: ListenOptions, log: Log): Promise<Listener> {
    const { certificate, address, port, maxConnections, headWithinMs = HEAD_WITHIN_MS } = listenOptions;
    const { onAnswer = () => undefined } = listenOptions;
    const options: ServerOptions = {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: headWithinMs,
      connectionsCheckingInterval: HEADS_CHECK_MS,
      // Of a whole request: an upload may take days. Bodies that do not come are ended by slow-bodies.ts.
      requestTimeout: 0,
      keepAliveTimeout: RETENTION_MS,
      insecureHTTPParser: false,
      noDelay: true,
      // Others, such as h2c, are answered as if nobody had asked to upgrade.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
    };
    // Before they are read: what changes meanwhile is seen later.
    const readAt = certificate === null ? "" : stampOf(certificate);
    const server =
      certificate === null
        ? createServer(options)
        : createTlsServer({ ...options, ...read(certificate), handshakeTimeout: headWithinMs });
    const listener = new Listener(server, listenOptions, log);
    listener.#readAt = readAt;
    server.maxConnections = maxConnections;
    // None is dropped unseen; how many there may be, the form says.
    server.maxHeadersCount = 0;
    // A client may end its side and wait for what it has asked.
    (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
    // Which of them wait for nothing, we know better; it closes them when it is closed itself.
    server.closeIdleConnections = () => undefined;
    server.on("connection", (socket: Socket) => listener.#take(socket, maxConnections));
    const isOf = certificate === null ? "connection" : "secureConnection";
    server.on(isOf, (socket: Socket) => listener.#cached.take(socket));
    const take = (request: IncomingMessage, response: ServerResponse) => {
      listener.#cached.answering(response);
      response.once("finish", () => onAnswer(response.statusCode));
      // Whoever comes again finds another gateway.
      if (listener.#isEnding) response.shouldKeepAlive = false;
      router.request(request, response);
    };
    server.on("request", take);
    // Whether the client is to send its body is decided with everything else.
    server.on("checkContinue", take);
    server.on("upgrade", (request, socket: Duplex, head) => {
      listener.#cached.letGo(request.socket);
      onUpgradeStatus(socket, onAnswer);
      router.upgrade(request, socket, head);
    });
    server.on("connect", (_request, socket: Duplex) => {
      onUpgradeStatus(socket, onAnswer);
      sendFinalResponse(
        socket,
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
      );
    });
    server.on("clientError", (error, socket) => listener.#refuse(error, socket));
    // Nothing can be said where TLS has not come about, and an answer would wait for that for ever.
    server.on("tlsClientError", (_error, socket: Duplex) => socket.destroy());
    server.listen({ port, host: address });
    try {
      await once(server, "listening");
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new GatewayListenError(`the gateway cannot listen on ${address}:${port}: ${why}`, { cause });
    }
    listener.#watchCertificate();
    return listener;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Nobody new is let in. Resolves once the answers under way have ended, or after so long. */
  async drain(withinMs: number): Promise<void> {
    const over = new AbortController();
    this.#isEnding = true;
    this.#cached.end(over.signal);
    await this.#letInWhoHasCome();
    await Promise.race([this.#end(), delay(withinMs, undefined, { ref: false })]);
    over.abort();
  }

  /** Whatever is open ends with it, WebSockets too, which the server does not count as its own. */
  async close(): Promise<void> {
    const ended = this.#end();
    for (const socket of this.#sockets) socket.destroy();
    await ended;
  }

  /**
   * Where a port is closed the system resets whom it has let in and we have not, which we do one by one, each in a turn. Over
   * at the end of a turn in which nobody was there, and nothing else to do for which others might have come meanwhile.
   */
  async #letInWhoHasCome(): Promise<void> {
    await nextTurn();
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      const [come, beganMs] = [this.#come, performance.now()];
      await nextTurn();
      if (this.#come === come && performance.now() - beganMs < QUIET_TURN_MS) return;
    }
  }

  #end(): Promise<unknown> {
    this.#isEnding = true;
    if (this.#watch !== null) clearInterval(this.#watch);
    if (this.#ended === null) {
      this.#ended = once(this.#server, "close");
      this.#server.close();
    }
    return this.#ended;
  }

  /** Before it has asked for anything: one address leaves room to others, unless it is the operator's own proxy. */
  #take(socket: Socket, maxConnections: number): void {
    this.#come += 1;
    const from = socket.remoteAddress ?? "";
    const isProxy = this.#certificate === null && LOOPBACK.has(from);
    const isMuch = this.#byAddress.of(from) + 1 > maxConnections * MAX_PART_OF_ADDRESS;
    if (!isProxy && isMuch) return void socket.destroy();
    this.#sockets.add(socket);
    this.#byAddress.add(from);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#byAddress.remove(from);
    });
  }

  /** What comes behind something broken is broken as well, and is not looked at. */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (this.#broken.has(socket)) return;
    this.#broken.add(socket);
    const isLate = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    const waitMs = isLate ? 0 : this.#waitMs("remoteAddress" in socket ? String(socket.remoteAddress) : "");
    if (waitMs === 0) return refuseBroken(error, socket);
    socket.pause();
    const later = setTimeout(() => refuseBroken(error, socket), waitMs);
    socket.once("close", () => clearTimeout(later));
  }

  #watchCertificate(): void {
    const certificate = this.#certificate;
    if (certificate === null) return;
    this.#watch = setInterval(() => this.renewCertificate(), CERTIFICATE_CHECK_MS);
    this.#watch.unref();
  }

  /**
   * Takes the files as they are now, if they changed and belong together, for connections from then on; else what was
   * read before stays. It is tried again, and said once for each state of the files, or whenever it was ordered.
   */
  renewCertificate({ isOrdered = false } = {}): void {
    const certificate = this.#certificate;
    if (certificate === null) return;
    let stamp = "";
    try {
      stamp = stampOf(certificate);
      if (stamp === this.#readAt) return;
      (this.#server as ReturnType<typeof createTlsServer>).setSecureContext(read(certificate));
      this.#readAt = stamp;
      this.#refusedAt = null;
      this.#log.info({ file: certificate.certFile }, "the gateway shows its new certificate");
    } catch (error) {
      if (stamp === this.#refusedAt && !isOrdered) return;
      this.#refusedAt = stamp;
      this.#log.error({ error }, "the gateway's certificate cannot be read; it goes on with the one before");
    }
  }
}

/** @throws GatewayListenError */
function read({ certFile, keyFile }: NonNullable<ListenOptions["certificate"]>): {
  cert: string;
  key: string;
} {
  try {
    const pair = { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
    // Whether they are what they should be, and belong together.
    createSecureContext(pair);
    return pair;
  } catch (cause) {
    throw unreadable(cause);
  }
}

/** @throws GatewayListenError */
function stampOf({ certFile, keyFile }: NonNullable<ListenOptions["certificate"]>): string {
  try {
    const checks = [certFile, keyFile].map((file) => statSync(file));
    return checks.map(({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`).join(" ");
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause: unknown): GatewayListenError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new GatewayListenError(`the gateway's certificate cannot be read: ${why}`, { cause });
}

function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  sendFinalResponse(socket, `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}
