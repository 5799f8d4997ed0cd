/**
 * The text of nats-server's configuration: for the embedded server, and printed for operators who run NATS
 * themselves. Accounts come by preload and from then on by `$SYS.REQ.CLAIMS.UPDATE`, kept in the resolver's folder.
 */
import { MIB } from "@remotegpu/shared/values/units";
import type { Operator } from "./operator.ts";

/** Pages, batches and command output are all cut to stay below it. */
const MAX_PAYLOAD_BYTES = MIB;

export interface NatsConfig {
  listen: { address: string; port: number };
  /** Holds JetStream's files and the account JWTs. */
  storeDir: string;
  serverName: string;
  /** PEM files; null only on loopback. */
  tls: { certFile: string; keyFile: string } | null;
  /** For one of several servers; its name is then its own. */
  cluster?: NatsCluster | undefined;
}

interface NatsCluster {
  listen: { address: string; port: number };
  /** The routes of all servers, this one included: "nats://10.0.0.1:6222". */
  routes: readonly string[];
  /** PEM of the CA by whose certificates the servers know each other; null only on loopback. */
  caFile: string | null;
}

/** The same for all servers of a fleet. */
const CLUSTER_NAME = "remotegpu";

export function renderNatsConfig(operator: Operator, config: NatsConfig): string {
  const { listen, storeDir, serverName, tls, cluster } = config;
  const preload = Object.entries(operator.preload).map(([account, jwt]) => `  ${account}: ${quoted(jwt)}`);
  return [
    "# Made by remotegpu-control-plane.",
    `server_name: ${quoted(serverName)}`,
    `listen: ${addressText(listen)}`,
    `max_payload: ${MAX_PAYLOAD_BYTES}`,
    // A dead host shows within a minute, so that orders to it fail fast.
    'ping_interval: "20s"',
    "ping_max: 2",
    `operator: ${quoted(operator.jwt)}`,
    `system_account: ${operator.systemAccount.getPublicKey()}`,
    `jetstream { store_dir: ${quoted(`${storeDir}/jetstream`)} }`,
    `resolver { type: full, dir: ${quoted(`${storeDir}/accounts`)}, allow_delete: false, interval: "2m" }`,
    "resolver_preload {",
    ...preload,
    "}",
    ...(tls === null
      ? []
      : [`tls { cert_file: ${quoted(tls.certFile)}, key_file: ${quoted(tls.keyFile)}, timeout: 5 }`]),
    ...(cluster === undefined ? [] : clusterLines(cluster, tls)),
    "",
  ].join("\n");
}

/** Who is let in as a route is a server of the fleet: each must show a certificate of the CA. */
function clusterLines({ listen, routes, caFile }: NatsCluster, tls: NatsConfig["tls"]): string[] {
  return [
    "cluster {",
    `  name: ${CLUSTER_NAME}`,
    `  listen: ${addressText(listen)}`,
    `  routes: [${routes.map(quoted).join(", ")}]`,
    ...(tls === null || caFile === null
      ? []
      : [
          `  tls { cert_file: ${quoted(tls.certFile)}, key_file: ${quoted(tls.keyFile)}, ca_file: ${quoted(caFile)}, verify: true, timeout: 5 }`,
        ]),
    "}",
  ];
}

function addressText({ address, port }: { address: string; port: number }): string {
  return quoted(`${address.includes(":") ? `[${address}]` : address}:${port}`);
}

/** The configuration language reads backslash escapes in double quotes. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
