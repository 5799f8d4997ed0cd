/** How a host's connection to NATS is made: with its key, under the CA it was given, and without TLS on loopback only. */
import { connect, jwtAuthenticator, type NatsConnection } from "nats";
import type { CredentialGrant } from "@remotegpu/shared/messages/joining";
import { hostInbox } from "@remotegpu/shared/messages/subjects";
import { isLoopback } from "./loopback.ts";
import { natsTls } from "./nats-tls.ts";
import type { HostKey } from "./nkey.ts";

const PING_EVERY_MS = 10_000;
const MAX_UNANSWERED_PINGS = 2;
const CONNECT_WITHIN_MS = 5_000;
/** Of each of several servers. The library forgets those that it never reached, so in the end all are dialled anew. */
const RECONNECTS_TO_EACH = 10;
export const RECONNECT_AFTER_MS = 1_000;
export const RECONNECT_JITTER_MS = 2_000;

/** `grant` is asked again at each reconnect, so that a renewed credential takes effect. Throws when none answers. */
export async function dialNats(grant: () => CredentialGrant, key: HostKey): Promise<NatsConnection> {
  const { nats_urls: urls, ca, host_id: host } = grant();
  const isTls = ca !== null || urls.every((url) => url.startsWith("tls://"));
  const exposed = urls.find((url) => !isTls && !isLoopback(new URL(url).hostname));
  if (exposed !== undefined) throw new Error(`${exposed} is not TLS, which is allowed on loopback only`);
  return connect({
    servers: urls,
    name: host,
    authenticator: jwtAuthenticator(() => grant().jwt, key.seed),
    inboxPrefix: hostInbox(host),
    timeout: CONNECT_WITHIN_MS,
    pingInterval: PING_EVERY_MS,
    maxPingOut: MAX_UNANSWERED_PINGS,
    maxReconnectAttempts: urls.length > 1 ? RECONNECTS_TO_EACH : -1,
    reconnectTimeWait: RECONNECT_AFTER_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    reconnectJitterTLS: RECONNECT_JITTER_MS,
    ignoreAuthErrorAbort: true,
    // Without TLS only the loopback address that was checked above may be used.
    ignoreClusterUpdates: !isTls,
    ...(isTls ? { tls: natsTls(urls, ca) } : {}),
  });
}

/** True when a renewed credential is for the servers that we are connected to. */
export function isSameServer(one: CredentialGrant, other: CredentialGrant): boolean {
  return one.nats_urls.join() === other.nats_urls.join() && one.ca === other.ca;
}
