/**
 * The one TLS port of this host for the gateways of the control plane: whoever shows a gateway's certificate may
 * `CONNECT <instance>:<port>`, and nobody else gets further than the handshake. It leads only into containers that
 * the agent has listed. A connection that speaks HTTP/2, by ALPN, carries many ways at once.
 */
import {
  createServer as createHttpServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server as HttpServer,
} from "node:http";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { createServer, type Server, TLSSocket } from "node:tls";
import { TUNNEL_ALONE, TUNNEL_CLIENT_HEADER, TUNNEL_SHARED } from "@remotegpu/shared/messages/gateway-tunnel";
import { GATEWAY_NAME } from "@remotegpu/shared/messages/joining";
import { listenerHandleOf, type ListenerHandle } from "./listener-handle.ts";
import type { GatewayIdentity } from "./connections/gateway-identity.ts";
import {
  type GatewayRequest,
  type NoRoute,
  statusOf,
  type GatewayRoute,
  gatewayRequestOf,
} from "./connections/gateway-request.ts";
import { listening } from "./listening.ts";
import { RelayedConnection } from "./connections/relayed-connection.ts";
import { liesBelow } from "./connections/reset.ts";
import type { TunnelStreams } from "./tunnel/tunnel-streams.ts";

/** Of all gateways together: a busy service has hundreds under way. */
const MAX_GATEWAY_CONNECTIONS = 4096;
const HEADERS_WITHIN_MS = 10_000;

export class GatewayPort {
  readonly #server: Server;
  /** Of connections that carry one way each; it listens nowhere itself. */
  readonly #http: HttpServer;
  readonly #streams: TunnelStreams;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #open: (gatewayRequest: GatewayRequest) => Promise<GatewayRoute | NoRoute>;
  readonly #onChange: () => void;
  /** Before TLS, by who is at the other end. */
  readonly #clients = new Map<string, Socket>();
  /** Past the handshake, of those that have not said yet where they want to go: stops waiting for it. */
  readonly #unsaid = new WeakMap<Socket, () => void>();

  constructor(options: {
    identity: GatewayIdentity;
    streams: TunnelStreams;
    open: (gatewayRequest: GatewayRequest) => Promise<GatewayRoute | NoRoute>;
    onChange: () => void;
  }) {
    this.#open = options.open;
    this.#streams = options.streams;
    this.#onChange = options.onChange;
    const tls = {
      ...tlsOf(options.identity),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.3" as const,
      ALPNProtocols: [TUNNEL_SHARED, TUNNEL_ALONE],
      noDelay: true,
      // Else a client's half-close would end the way back as well. The types do not know that it is taken here, too.
      allowHalfOpen: true,
      // Who leaves amid the handshake is not noticed by its end, since connections may be half-open.
      handshakeTimeout: HEADERS_WITHIN_MS,
    };
    this.#server = createServer(tls);
    this.#http = createHttpServer(
      (_request, response) => void response.writeHead(405, { Allow: "CONNECT" }).end(),
    );
    this.#server.maxConnections = MAX_GATEWAY_CONNECTIONS;
    // Before TLS, and also of what never gets through it.
    this.#server.on("connection", (client: Socket) => {
      const peer = peerOf(client);
      this.#clients.set(peer, client);
      this.#onChange();
      client.once("close", () => {
        if (this.#clients.get(peer) === client) this.#clients.delete(peer);
        this.#onChange();
      });
    });
    this.#server.on("secureConnection", (client) => {
      const proxy = this.#clients.get(peerOf(client));
      if (proxy !== undefined) liesBelow(proxy, client);
      if (client.alpnProtocol === TUNNEL_SHARED) return this.#share(client);
      this.#await(client);
      this.#http.emit("connection", client);
    });
    // Of one that failed there is nothing to tell.
    this.#server.on("tlsClientError", (_error, client) => client.destroy());
    this.#http.on("clientError", (_error, client) => client.destroy());
    this.#http.on("connect", (request, socket: Socket, head: Buffer) => {
      void this.#connect(request, socket, head);
    });
  }

  /** Rejects with the system's error when the port cannot be bound. */
  async listen(port: number, address: string | null): Promise<void> {
    await listening(this.#server, (done) =>
      this.#server.listen({ port, ...(address !== null && { host: address }) }, done),
    );
  }

  /** Listens on a socket that another process has bound. Rejects with the system's error. */
  async adopt(handle: ListenerHandle): Promise<void> {
    await listening(this.#server, (done) => this.#server.listen(handle, done));
  }

  /** Null while it does not listen. */
  get listener(): { port: number; handle: ListenerHandle } | null {
    const handle = listenerHandleOf(this.#server);
    return handle === null ? null : { port: this.port, handle };
  }

  /** The number is not this process's any more; ways that are open stay. */
  stopListening(): void {
    this.#server.close();
    // They end with their last stream; gateways make others, which the heir takes.
    for (const session of this.#sessions) session.close();
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Those count, too, that have not said yet where they want to go. */
  get openConnections(): number {
    return this.#clients.size;
  }

  /** For handshakes from now on; who is connected stays. */
  setIdentity(identity: GatewayIdentity): void {
    this.#server.setSecureContext(tlsOf(identity));
  }

  /** Node's own bound on heads holds only while it listens: who came before it retired would be connected for ever. */
  #await(client: TLSSocket): void {
    const late = setTimeout(() => client.destroy(), HEADERS_WITHIN_MS);
    const stop = () => clearTimeout(late);
    client.once("close", stop);
    this.#unsaid.set(client, stop);
  }

  #share(client: TLSSocket): void {
    client.on("error", () => client.destroy());
    if (!isGateway(client)) return void client.destroy();
    const session = this.#streams.serveOn(client);
    this.#sessions.add(session);
    session.once("close", () => this.#sessions.delete(session));
  }

  async #connect(request: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    this.#unsaid.get(client)?.();
    client.on("error", () => client.destroy());
    if (!isGateway(client)) return refuse(client, 403);
    const gatewayRequest = gatewayRequestOf(request.url, request.headers[TUNNEL_CLIENT_HEADER]);
    if (gatewayRequest === null) return refuse(client, 400);
    const route = await this.#open(gatewayRequest);
    if (typeof route === "string") return refuse(client, statusOf(route));
    const { service, carry } = route;
    if (client.destroyed) {
      service.destroy();
      return;
    }
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) service.write(head);
    carry((onClosed) => new RelayedConnection(client, service, ({ end }) => onClosed(end)));
  }
}

function peerOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Certified by the same authority are the hosts, too, which have no business here. */
function isGateway(client: Socket): boolean {
  return client instanceof TLSSocket && client.getPeerCertificate().subject?.CN === GATEWAY_NAME;
}

function refuse(client: Socket, status: 400 | 403 | 409 | 503): void {
  client.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

function tlsOf({ key, certificate, ca }: GatewayIdentity): { key: string; cert: string; ca: string } {
  return { key, cert: certificate, ca };
}
