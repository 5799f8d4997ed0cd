/**
 * Where hosts dial in that this gateway cannot reach: TLS with their own certificates, of hosts that are of the fleet
 * still. Nobody else gets further than the handshake.
 */
import { once } from "node:events";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { HostId } from "@remotegpu/shared/values/ids";
import { hostOfAccessName } from "@remotegpu/shared/messages/joining";
import type { Log } from "@remotegpu/shared/log";
import type { Credential, OwnCertificate } from "./own-certificate.ts";

const HANDSHAKE_WITHIN_MS = 10_000;
/** The connections of the largest fleets, whose hosts dial in once each. */
const MAX_CONNECTIONS = 8_192;
const BACKLOG = 512;

/** Nobody can dial in: the message says where and why. */
export class TunnelListenError extends Error {
  override readonly name = "TunnelListenError";
}

export interface TunnelListenOptions {
  address: string;
  /** 0 takes any. */
  port: number;
}

export class TunnelListener {
  readonly #server: Server;
  readonly #certificate: OwnCertificate;
  #presented: Credential;

  private constructor(server: Server, certificate: OwnCertificate, presented: Credential) {
    this.#server = server;
    this.#certificate = certificate;
    this.#presented = presented;
  }

  /** @throws TunnelListenError */
  static async open(
    { address, port }: TunnelListenOptions,
    parts: {
      certificate: OwnCertificate;
      /** Rejects where nobody can say now. */
      isOfFleet: (hostId: HostId) => Promise<boolean>;
      onHost: (hostId: HostId, socket: TLSSocket) => void;
      log: Log;
    },
  ): Promise<TunnelListener> {
    const { credential } = await parts.certificate.presented();
    const server = createServer({
      ...tlsOf(credential),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_WITHIN_MS,
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.on("secureConnection", (socket) => {
      socket.on("error", () => socket.destroy());
      socket.setNoDelay(true);
      void welcome(socket, parts);
    });
    // Who speaks no TLS, or shows no certificate of ours, is of no interest.
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    try {
      server.listen({ host: address, port, backlog: BACKLOG });
      await once(server, "listening");
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : "unknown";
      throw new TunnelListenError(`hosts cannot dial in at ${address}:${port}: ${why}`, { cause });
    }
    return new TunnelListener(server, parts.certificate, credential);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Shows the certificate of now; to be called now and then. */
  async renew(): Promise<void> {
    const { credential } = await this.#certificate.presented();
    if (credential === this.#presented) return;
    this.#presented = credential;
    this.#server.setSecureContext(tlsOf(credential));
  }

  /** Whoever is connected stays. */
  close(): void {
    this.#server.close();
  }
}

async function welcome(
  socket: TLSSocket,
  {
    isOfFleet,
    onHost,
    log,
  }: {
    isOfFleet: (hostId: HostId) => Promise<boolean>;
    onHost: (hostId: HostId, socket: TLSSocket) => void;
    log: Log;
  },
): Promise<void> {
  const hostId = hostOfAccessName(String(socket.getPeerCertificate().subject?.CN ?? ""));
  const isWelcome =
    hostId !== null &&
    (await isOfFleet(hostId).catch((error: unknown) => {
      log.warn({ error, hostId }, "a host dials in, and its credential cannot be checked; it will retry");
      return false;
    }));
  if (hostId === null || !isWelcome || socket.destroyed) return void socket.destroy();
  onHost(hostId, socket);
}

function tlsOf({ key, certificate, ca }: Credential) {
  return { key, cert: certificate, ca, minVersion: "TLSv1.3" as const };
}
