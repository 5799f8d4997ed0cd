/** `nats-config`: what a NATS of one's own needs to serve this fleet. */
import { openOperatorKeys } from "./engines.ts";
import { renderNatsConfig } from "./link/servers/nats-config.ts";
import { configOf, type Options, UsageError } from "./command-options.ts";

const NATS_PORT = 4222;
const NATS_CLUSTER_PORT = 6222;

export interface NatsConfigOptions {
  storeDir: string;
  tlsCert?: string;
  tlsKey?: string;
  serverName: string;
  route?: string[];
  clusterCa?: string;
}

/** @throws UsageError where options do not go together */
export async function natsConfigCommand(
  options: Options & NatsConfigOptions,
  print: (text: string) => void,
): Promise<void> {
  const { stateDir } = configOf(options);
  const { tlsCert, tlsKey, storeDir, serverName, route: routes, clusterCa } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError("Give both --tls-cert and --tls-key, or neither.");
  const isTls = tlsCert !== undefined && tlsKey !== undefined;
  if (routes !== undefined && isTls !== (clusterCa !== undefined))
    throw new UsageError(
      "Servers of a cluster need --tls-cert, --tls-key and --cluster-ca, or none on loopback.",
    );
  const address = isTls ? "0.0.0.0" : "127.0.0.1";
  // Not before: it makes keys where there are none.
  const operator = await openOperatorKeys(stateDir);
  print(
    renderNatsConfig(operator, {
      listen: { address, port: NATS_PORT },
      storeDir,
      serverName,
      tls: isTls ? { certFile: tlsCert, keyFile: tlsKey } : null,
      cluster:
        routes === undefined
          ? undefined
          : { listen: { address, port: NATS_CLUSTER_PORT }, routes, caFile: clusterCa ?? null },
    }),
  );
}
