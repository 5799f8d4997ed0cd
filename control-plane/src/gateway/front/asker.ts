/** Who asks, behind an operator's TLS proxy too: such a one stands on this machine, and says for whom it asks. */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

export const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
const ADDRESS = /^[0-9a-fA-F:.]{2,45}$/;

/** @param isBehindProxy the gateway speaks plain HTTP, so that whoever forwards to it may be believed */
export function addressOf({ socket, headers }: IncomingMessage, isBehindProxy: boolean): string {
  const peer = socket.remoteAddress ?? "unknown";
  if (!isBehindProxy || !LOOPBACK.has(peer)) return peer;
  const forwarded = headers["x-forwarded-for"];
  const text = Array.isArray(forwarded) ? forwarded.at(-1) : forwarded;
  // The last one is what the proxy itself saw; those before it are the client's own words.
  const last = text?.split(",").at(-1)?.trim() ?? "";
  return ADDRESS.test(last) ? last : peer;
}

/** As a container's people are told it; an address that is none was the proxy's word. */
export function plainAddressOf(request: IncomingMessage, isBehindProxy: boolean): string {
  const bare = addressOf(request, isBehindProxy).replace(/^::ffff:(?=\d+\.)/, "");
  return isIP(bare) === 0 ? "0.0.0.0" : bare;
}
