/** A real nats-server in operator mode, as the product sets it up, in a temporary folder of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "nats";
import { startNats, type EmbeddedNats } from "@remotegpu/control-plane/server/embedded/nats";
import {
  serverCertificate,
  type ServerCertificate,
} from "@remotegpu/control-plane/server/embedded/certificate-authority";
import {
  connectControlPlane,
  type NatsAddress,
} from "@remotegpu/control-plane/server/link/servers/connection";
import { mintHostCredential } from "@remotegpu/control-plane/server/link/identity/host-credential";
import { renderNatsConfig } from "@remotegpu/control-plane/server/link/servers/nats-config";
import { openOperator, type Operator } from "@remotegpu/control-plane/server/link/servers/operator";
import { openHostKey, type HostKey } from "@remotegpu/agent/link/nkey";
import { HostId } from "@remotegpu/shared/values/ids";
import type { CredentialGrant } from "@remotegpu/shared/messages/joining";
import { quietLog } from "../quiet-log.ts";

const LOOPBACK = "127.0.0.1";

export interface HostCredential {
  hostId: HostId;
  key: HostKey;
  grant: CredentialGrant;
}

export interface TestNats {
  operator: Operator;
  address: NatsAddress;
  certificate: ServerCertificate | null;
  /** Folder for whatever a test wants to keep; gone after `close`. */
  folder: string;
  server(): EmbeddedNats;
  connectControlPlane(): Promise<NatsConnection>;
  /** A credential for this host id; the key is the same every time. */
  hostCredential(hostId: string, options?: { lifetimeMs?: number }): Promise<HostCredential>;
  stop(): Promise<void>;
  /** Starts it again on the same port; `wipe` removes everything it kept. */
  start(options?: { wipe?: boolean }): Promise<void>;
  /** Ends everything and removes the folder. */
  close(): Promise<void>;
}

/** @param address of this machine, where it listens */
export async function startTestNats({
  isTls = false,
  address: listening = LOOPBACK,
}: { isTls?: boolean; address?: string } = {}): Promise<TestNats> {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-nats-"));
  const operator = await openOperator(join(folder, "operator.json"));
  const certificate = isTls
    ? await serverCertificate(join(folder, "tls"), { addresses: [listening], now: new Date() })
    : null;
  const start = () =>
    startNats({
      stateDir: join(folder, "nats"),
      listen: { address: listening },
      isTls,
      config: (at) => renderNatsConfig(operator, { ...at, serverName: "test", tls: certificate }),
      log: quietLog,
    });
  let server = await start();
  const address = { urls: [server.url], ca: certificate?.ca ?? null };
  const connections: NatsConnection[] = [];
  return {
    operator,
    address,
    certificate,
    folder,
    server: () => server,
    async connectControlPlane() {
      const connection = await connectControlPlane(operator, address, quietLog);
      connections.push(connection);
      return connection;
    },
    async hostCredential(id, { lifetimeMs } = {}) {
      const hostId = HostId.parse(id);
      const key = openHostKey(join(folder, `${id}.nkey`));
      const grant = await mintHostCredential(operator, {
        hostId,
        nkey: key.publicKey,
        natsUrls: address.urls,
        ca: address.ca,
        now: new Date(),
        ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
      });
      return { hostId, key, grant };
    },
    stop: () => server.stop(),
    async start({ wipe = false } = {}) {
      if (wipe) {
        for (const stored of ["jetstream", "accounts"]) {
          rmSync(join(folder, "nats", stored), { recursive: true, force: true });
        }
      }
      server = await start();
    },
    async close() {
      // Whatever a connection says at its end: the server is a process of its own, which nobody else would end.
      const closed = await Promise.allSettled(connections.map((connection) => connection.close()));
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
      for (const one of closed) if (one.status === "rejected") throw one.reason;
    },
  };
}
