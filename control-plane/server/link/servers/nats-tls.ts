/**
 * How a NATS server proves who it is. The NATS library leaves the server's name empty where the address is an IP
 * and Node then asks the certificate for "localhost"; here it has to be for an address that was given to us.
 */
import { checkServerIdentity, type PeerCertificate } from "node:tls";

/** `ca` is PEM, or null for the public authorities. */
export function natsTls(urls: readonly string[], ca: string | null) {
  const hosts = urls.map((url) => new URL(url).hostname.replaceAll(/[[\]]/g, ""));
  return {
    ...(ca === null ? {} : { ca }),
    checkServerIdentity: (_: string, certificate: PeerCertificate): Error | undefined => {
      const failures = hosts.map((host) => checkServerIdentity(host, certificate));
      return failures.includes(undefined) ? undefined : failures[0];
    },
  };
}
