/**
 * The host keys of environments: each has one for its life, wherever it is placed, so that clients know it again. How
 * they are made is link's (identity/environment-host-keys.ts).
 */

export interface PublicHostKey {
  /** Type and body, as a line of an authorized_keys file has them. */
  line: string;
  /** As ssh-keygen shows it. */
  fingerprint: string;
}

export interface HostKeys {
  publicOf(environmentId: string): PublicHostKey;
  /** PKCS #8 as PEM, which sshd takes. */
  privatePemOf(environmentId: string): string;
}

/** Where no port stands beside the address in a known_hosts file. */
const PORT_OF_SSH = 22;

/** A line of a known_hosts file, by which clients know the server at that address. */
export function knownHostsLine(
  { line }: PublicHostKey,
  { host, port }: { host: string; port: number },
): string {
  return `${port === PORT_OF_SSH ? host : `[${host}]:${port}`} ${line}`;
}
