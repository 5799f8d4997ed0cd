/** From which network address somebody asks, behind an operator's TLS proxy too: such a one stands on this machine, and says for whom it asks. */

import { isWithin, normalAddress } from "@remotegpu/shared/values/network-address";

export const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
const ADDRESS = /^[0-9a-fA-F:.]{2,45}$/;

export interface ClientConnection {
  /** The address of the connection itself. */
  peer: string;
  /** X-Forwarded-For. */
  forwardedFor: string | undefined;
  /** The server speaks plain HTTP, so that whoever forwards to it may be believed. */
  isBehindProxy: boolean;
}

export function clientAddress({ peer, forwardedFor, isBehindProxy }: ClientConnection): string {
  if (!isBehindProxy || !LOOPBACK.has(peer)) return peer;
  // The last one is what the proxy itself saw; those before it are the client's own words.
  const last = forwardedFor?.split(",").at(-1)?.trim() ?? "";
  return ADDRESS.test(last) ? last : peer;
}

export interface HostConnection extends ClientConnection {
  /** Proxies in front of the API, as networks. */
  trustedProxies: readonly string[];
  /** Another header says that somebody stands between (Forwarded, Via). */
  isForwarded: boolean;
}

/**
 * From where a host's own connection came; null where nobody can say. Unlike clientAddress, which only counts requests,
 * what comes through a proxy that nobody has named says nothing: its address would count as the host's own.
 */
export function connectionAddress(connection: HostConnection): string | null {
  const { peer, forwardedFor, isBehindProxy, trustedProxies, isForwarded } = connection;
  const isProxy = (address: string) => trustedProxies.some((network) => isWithin(address, network));
  const from = normalAddress(peer);
  if (from === null) return null;
  const isTrusted = isProxy(from) || (isBehindProxy && LOOPBACK.has(peer));
  if (!isTrusted) return forwardedFor === undefined && !isForwarded ? from : null;
  // From the nearest proxy on: who wrote the first one that is no proxy of ours saw that address itself.
  for (const text of (forwardedFor ?? "").split(",").toReversed()) {
    const address = normalAddress(text.trim());
    if (address === null || !isProxy(address)) return address;
  }
  return null;
}
