/**
 * The gateway as it runs in this process, beside the API or alone: its tunnels, its port, its row among the gateways, and
 * whoever serves what no container does.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { GatewayConfig, TunnelConfig } from "./config.ts";
import { ownOrigin, type WebBase, webBaseText } from "./core/gateway/origin.ts";
import { GatewayListenError } from "../gateway/router/listen-error.ts";
import { type Gateway, type GatewayDeps, openGateway } from "../gateway/gateway.ts";
import { newGatewayId, Registration } from "../gateway/registration.ts";
import { RelaySockets } from "../gateway/proxy/relay-sockets.ts";
import { TerminalSessions } from "../gateway/terminal/terminal-sessions.ts";
import { TerminalSite } from "../gateway/terminal/terminal-site.ts";
import { type OpenTunnels, openTunnels, type TunnelsDeps } from "../gateway/tunnel/open-tunnels.ts";
import type { Tunnels } from "../gateway/tunnel/tunnel.ts";
import { TunnelListenError } from "../gateway/tunnel/tunnel-listener.ts";
import { AccessAuthority } from "./link/identity/access-authority.ts";
import { environmentHostKeys } from "./link/identity/environment-host-keys.ts";
import { environmentJupyterTokens } from "./link/identity/environment-jupyter-tokens.ts";
import { environmentTerminalKeys } from "./link/identity/environment-terminal-keys.ts";
import type { Operator } from "./link/servers/operator.ts";
import type { Database } from "./store/database/database.ts";

export interface GatewayProcess {
  /** To hosts, for whoever else of this process has business there. */
  tunnels: Tunnels;
  /** Of the web side; null where the default's port was somebody else's. */
  port: number | null;
  /** Something has changed in the fleet: requests may wait for it. */
  checkNow(): void;
  /** Reads the web side's certificate again; one that cannot be used is reported, and the one before stays. */
  renewCertificate(): void;
  close(): Promise<void>;
}

/** @throws GatewayListenError where the port was asked for and cannot be had */
export async function startGateway(
  config: GatewayConfig,
  {
    db,
    operator,
    publicHost,
    nudge,
    now,
    log,
    onOrder,
    onAnswer,
  }: {
    db: Database;
    operator: Operator;
    /** The name or address under which others reach this machine. */
    publicHost: string;
    /** "Pull now." */
    nudge: (host: HostId) => void;
    now: () => Date;
    log: Log;
    /** Something was ordered by whoever came in; without it the loops find it by themselves. */
    onOrder?: () => void;
    /** A request was answered with this status. */
    onAnswer?: (status: number) => void;
  },
): Promise<GatewayProcess> {
  const tunnels = await tunnelsOf(config.tunnel, {
    db,
    now,
    log,
    nudge,
    certify: async (at) => (await AccessAuthority.of(operator)).gateway(at),
  });
  const id = newGatewayId();
  const isBehindProxy = config.certificate === null;
  const sessions = new TerminalSessions({ db, gatewayId: id, now, log });
  const gateway = await opened(config, {
    id,
    db,
    now,
    log,
    operatorSeed: operator.key.getSeed(),
    jupyterTokens: environmentJupyterTokens(operator),
    tunnels,
    ...(onOrder !== undefined && { onOrder }),
    ...(onAnswer !== undefined && { onAnswer }),
    base: config.webBase,
    serviceDomain: config.serviceDomain,
    listen: { ...config.listen, certificate: config.certificate },
    stopWithinMs: config.stopWithinMs,
    handlers: {
      terminal: terminalOf({ tunnels, operator, sessions, isBehindProxy, log }),
      relayed: new RelaySockets({ db, tunnels, isBehindProxy }),
    },
  }).catch(async (error: unknown) => {
    // Else their port would keep a process that serves nobody.
    await tunnels.close();
    throw error;
  });
  const reported = (base: WebBase | null) => (gateway === null || base === null ? null : webBaseText(base));
  const [webBase, serviceDomain] = [reported(config.webBase), reported(config.serviceDomain)];
  const serviceBase =
    gateway === null
      ? null
      : config.webBase === null
        ? originAt(hostOf(config, publicHost), gateway.port, config)
        : ownOrigin(config.webBase);
  const tunnel =
    tunnels.port === null ? null : { host: config.tunnel?.host ?? publicHost, port: tunnels.port };
  const registration = new Registration({
    id,
    db,
    now,
    log,
    tunnel,
    webBase,
    serviceBase,
    serviceDomain,
  });
  await registration.start();
  tunnels.follow(id);
  sessions.start();
  if (gateway !== null) log.info({ port: gateway.port, web: webBase }, "the gateway serves");
  return {
    tunnels,
    port: gateway?.port ?? null,
    checkNow: () => gateway?.checkNow(),
    renewCertificate: () => gateway?.renewCertificate(),
    async close() {
      await gateway?.close();
      await sessions.stop();
      // While its row is there: what it wrote of ways is taken away with them.
      await tunnels.close();
      await registration.stop();
    },
  };
}

function hostOf({ listen: { address } }: GatewayConfig, publicHost: string): string {
  return address.startsWith("127.") || address === "::1" ? address : publicHost;
}

/** Of a gateway without a domain, which has no origin for each environment's service but paths of its own. */
function originAt(host: string, port: number, { certificate }: GatewayConfig): string {
  return `${certificate === null ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function terminalOf(parts: {
  tunnels: Tunnels;
  operator: Operator;
  sessions: TerminalSessions;
  isBehindProxy: boolean;
  log: Log;
}): TerminalSite {
  const keys = environmentTerminalKeys(parts.operator);
  return new TerminalSite({
    ...parts,
    hostKeys: environmentHostKeys(parts.operator),
    signerOf: (place) => keys.signerOf(place),
  });
}

/** One that never asked for its tunnel's port goes on without it, and reaches the hosts that let it in. */
async function tunnelsOf(
  config: TunnelConfig | null,
  deps: Omit<TunnelsDeps, "listen">,
): Promise<OpenTunnels> {
  try {
    return await openTunnels({ ...deps, listen: config?.listen ?? null });
  } catch (error) {
    if (config === null || config.isRequested || !(error instanceof TunnelListenError)) throw error;
    deps.log.warn({ error }, "no host can dial in here; REMOTEGPU_TUNNEL_LISTEN names another port for it");
    return await openTunnels({ ...deps, listen: null });
  }
}

/** A server that never asked for a gateway goes on without its web side where another program has the port. */
async function opened(config: GatewayConfig, deps: GatewayDeps): Promise<Gateway | null> {
  try {
    return await openGateway(deps);
  } catch (error) {
    if (config.isRequested || !(error instanceof GatewayListenError)) throw error;
    deps.log.warn({ error }, "there is no web side here; REMOTEGPU_GATEWAY_LISTEN names another port for it");
    return null;
  }
}
