/**
 * The text of nats-server's configuration: for the embedded server, and printed for operators who run NATS
 * themselves. Accounts come by preload and from then on by `$SYS.REQ.CLAIMS.UPDATE`, kept in the resolver's folder.
 */
import { MIB } from "@remotegpu/shared/units";
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
}

export function renderNatsConfig(operator: Operator, config: NatsConfig): string {
  const { listen, storeDir, serverName, tls } = config;
  const preload = Object.entries(operator.preload).map(([account, jwt]) => `  ${account}: ${quoted(jwt)}`);
  return [
    "# Made by remotegpu-control-plane.",
    `server_name: ${quoted(serverName)}`,
    `listen: ${quoted(`${listen.address.includes(":") ? `[${listen.address}]` : listen.address}:${listen.port}`)}`,
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
    "",
  ].join("\n");
}

/** The configuration language reads backslash escapes in double quotes. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
