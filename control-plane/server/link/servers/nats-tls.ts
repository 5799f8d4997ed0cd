/**
 * How a NATS server proves who it is. The NATS library leaves the server's name empty where the address is an IP
 * and Node then asks the certificate for "localhost"; here it has to be for an address that was given to us.
 */
import { checkServerIdentity, type PeerCertificate } from "node:tls";

interface NatsTls {
  readonly ca?: string;
  checkServerIdentity(this: void, host: string, certificate: PeerCertificate): Error | undefined;
}

/**
 * @param address its `ca` is PEM, or null for the public authorities; it is read anew whenever the library connects, which
 * it does by itself after an outage
 */
export function natsTls(address: { readonly urls: readonly string[]; readonly ca: string | null }): NatsTls {
  const hosts = address.urls.map((url) => new URL(url).hostname.replaceAll(/[[\]]/g, ""));
  const identity = {
    checkServerIdentity: (_: string, certificate: PeerCertificate): Error | undefined => {
      const failures = hosts.map((host) => checkServerIdentity(host, certificate));
      return failures.includes(undefined) ? undefined : failures[0];
    },
  };
  if (address.ca === null) return identity;
  return {
    ...identity,
    get ca(): string {
      return address.ca ?? "";
    },
  };
}
