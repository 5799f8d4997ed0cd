/**
 * The tunnels of one gateway, put together: the direct way, the hosts that have dialled in, and the loop that finds out
 * which of the two each host needs. Where hosts are comes from Postgres, and is remembered while Postgres is away.
 */
import type { Duplex } from "node:stream";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { connectionAddress } from "../../server/core/accounts/client-address.ts";
import { readNetworks } from "../../server/core/hosts/host-address.ts";
import { setting } from "../../server/store/accounts/settings.ts";
import type { Database } from "../../server/store/database/database.ts";
import { shutOut } from "../../server/store/gateway/gateway-routes.ts";
import { noteConnection } from "../../server/store/hosts/host-addresses.ts";
import { DirectRoute } from "./direct-route.ts";
import { HostAddresses } from "./host-addresses.ts";
import { type Credential, OwnCertificate } from "./own-certificate.ts";
import { ReversedHosts } from "./reversed-hosts.ts";
import { type Destination, TunnelError, type Tunnels } from "./tunnel.ts";
import { TunnelListener, type TunnelListenOptions } from "./tunnel-listener.ts";
import { RoutesLoop } from "./routes-loop.ts";

const RENEW_EVERY_MS = 600_000;

export interface OpenTunnels extends Tunnels {
  /** Where hosts dial in; null: they cannot. */
  port: number | null;
  /** From then on ways are found out and written: its row has to be there. */
  follow(gatewayId: string): void;
  /** Its row has to be there still. */
  close(): Promise<void>;
}

export interface TunnelsDeps {
  db: Database;
  now: () => Date;
  log: Log;
  /** The access authority certifies a gateway. */
  certify: (now: Date) => Promise<Credential>;
  /** Where hosts that it cannot reach dial in; null: nowhere. */
  listen: TunnelListenOptions | null;
  /** "Pull now." */
  nudge: (hostId: HostId) => void;
}

/** @throws TunnelListenError */
export async function openTunnels(deps: TunnelsDeps): Promise<OpenTunnels> {
  const { db, now, log, nudge } = deps;
  const certificate = new OwnCertificate({ make: deps.certify, now });
  const direct = new DirectRoute({ context: () => certificate.context() });
  const addresses = new HostAddresses(db);
  let loop: RoutesLoop | null = null;
  const reversed = new ReversedHosts({ onChange: (hostId) => loop?.suspect(hostId) });
  const listener =
    deps.listen === null
      ? null
      : await TunnelListener.open(deps.listen, {
          certificate,
          isOfFleet: async (hostId) => (await shutOut(db, [hostId])).length === 0,
          onHost: (hostId, socket) => {
            reversed.add(hostId, socket);
            void noteWhence(db, { hostId, address: socket.remoteAddress }).catch((error: unknown) =>
              log.warn({ error, hostId }, "from where a host has dialled in could not be written"),
            );
          },
          log,
        });
  const renewing = setInterval(() => {
    listener
      ?.renew()
      .catch((error: unknown) => log.error({ error }, "the gateway's certificate was not renewed"));
  }, RENEW_EVERY_MS);

  const routeTo = async (to: Destination): Promise<Duplex> => {
    const { hostId } = to;
    const hasDialled = reversed.has(hostId);
    if (hasDialled && loop?.routeTo(hostId) !== "direct") return reversed.open(hostId, to);
    try {
      return await direct.open(to, await addresses.of(hostId));
    } catch (error) {
      if (!(error instanceof TunnelError) || error.reason !== "away") throw error;
      loop?.suspect(hostId);
      if (!hasDialled) throw error;
      return reversed.open(hostId, to);
    }
  };

  return {
    port: listener?.port ?? null,
    follow(gatewayId) {
      loop = new RoutesLoop({ db, gatewayId, direct, reversed, nudge, now, log });
      loop.start();
    },
    async open(to: Destination) {
      return stillOpen(await routeTo(to), to);
    },
    async close() {
      clearInterval(renewing);
      listener?.close();
      await loop?.stop();
      reversed.endAll();
      direct.close();
    },
  };
}

/** It has shown the host's certificate, so the address counts as the host's: but for a balancer's that was named. */
async function noteWhence(
  db: Database,
  { hostId, address }: { hostId: HostId; address: string | undefined },
): Promise<void> {
  const from = connectionAddress({
    peer: address ?? "",
    forwardedFor: undefined,
    isBehindProxy: false,
    isForwarded: false,
    trustedProxies: readNetworks(await setting(db, "TRUSTED_PROXIES")) ?? [],
  });
  if (from !== null) await noteConnection(db, { hostId, address: from });
}

/**
 * What listens there may have ended it by now. Nobody would hear of that any more: an end is told once.
 * @throws TunnelError
 */
function stillOpen(stream: Duplex, { port }: Destination): Duplex {
  if (!stream.destroyed && !stream.readableEnded) return stream;
  stream.on("error", () => undefined).destroy();
  throw new TunnelError("refused", { code: "tunnel-port-breaks-off", params: { port } });
}
