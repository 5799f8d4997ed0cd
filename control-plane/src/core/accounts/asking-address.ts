/** From which network address somebody asks, behind an operator's TLS proxy too: such a one stands on this machine, and says for whom it asks. */

export const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
const ADDRESS = /^[0-9a-fA-F:.]{2,45}$/;

export interface Asking {
  /** Of the connection. */
  peer: string;
  /** X-Forwarded-For. */
  forwardedFor: string | undefined;
  /** The server speaks plain HTTP, so that whoever forwards to it may be believed. */
  isBehindProxy: boolean;
}

export function askingAddress({ peer, forwardedFor, isBehindProxy }: Asking): string {
  if (!isBehindProxy || !LOOPBACK.has(peer)) return peer;
  // The last one is what the proxy itself saw; those before it are the client's own words.
  const last = forwardedFor?.split(",").at(-1)?.trim() ?? "";
  return ADDRESS.test(last) ? last : peer;
}
