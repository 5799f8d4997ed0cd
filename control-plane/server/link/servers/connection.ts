/**
 * The control plane's own connection to NATS. It outlives every outage of the servers: reconnects are unlimited,
 * and who needs an answer has a deadline of its own.
 */
import { connect, Events, jwtAuthenticator, type ConnectionOptions, type NatsConnection } from "nats";
import type { Log } from "@remotegpu/shared/log";
import { natsTls } from "./nats-tls.ts";
import { ownUser, type Operator } from "./operator.ts";

const PING_EVERY_MS = 10_000;
const MAX_UNANSWERED_PINGS = 2;
const RECONNECT_AFTER_MS = 500;
const RECONNECT_JITTER_MS = 500;
const CONNECT_WITHIN_MS = 5_000;

export interface NatsAddress {
  urls: string[];
  /** PEM of the CA, or null without TLS or with a public CA. One that is put in its place holds for connections from then on. */
  ca: string | null;
}

export class NatsUnreachableError extends Error {
  override name = "NatsUnreachableError";
}

/** @throws NatsUnreachableError when no server answers within the first attempt; the caller retries with a bound */
export async function connectControlPlane(
  operator: Operator,
  address: NatsAddress,
  log: Log,
): Promise<NatsConnection> {
  const user = await ownUser(operator.controlPlaneAccount, "control-plane");
  const connection = await open(address, {
    name: "remotegpu-control-plane",
    authenticator: jwtAuthenticator(user.jwt, user.seed),
    maxReconnectAttempts: -1,
  });
  void logStatus(connection, log);
  return connection;
}

/** A connection to the system account, for one errand. @throws NatsUnreachableError */
export async function connectSystem(operator: Operator, address: NatsAddress): Promise<NatsConnection> {
  const user = await ownUser(operator.systemAccount, "control-plane-system");
  return open(address, {
    name: "remotegpu-control-plane-system",
    authenticator: jwtAuthenticator(user.jwt, user.seed),
    reconnect: false,
  });
}

async function open(address: NatsAddress, options: ConnectionOptions): Promise<NatsConnection> {
  const isTls = address.ca !== null || address.urls.some((url) => url.startsWith("tls://"));
  try {
    return await connect({
      servers: address.urls,
      timeout: CONNECT_WITHIN_MS,
      pingInterval: PING_EVERY_MS,
      maxPingOut: MAX_UNANSWERED_PINGS,
      reconnectTimeWait: RECONNECT_AFTER_MS,
      reconnectJitter: RECONNECT_JITTER_MS,
      ignoreAuthErrorAbort: true,
      ...(isTls ? { tls: natsTls(address) } : {}),
      ...options,
    });
  } catch (cause) {
    throw new NatsUnreachableError(`NATS does not answer at ${address.urls.join(", ")}`, { cause });
  }
}

async function logStatus(connection: NatsConnection, log: Log): Promise<void> {
  for await (const { type, data } of connection.status()) {
    if (type === Events.Disconnect) log.warn({ server: data }, "lost the connection to NATS");
    if (type === Events.Reconnect) log.info({ server: data }, "connected to NATS again");
    if (type === Events.Error) log.error({ reason: data }, "NATS refused something");
  }
}
