/** Who asks, by the address that it comes from. */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { clientAddress } from "../../server/core/accounts/client-address.ts";

/** @param isBehindProxy the gateway speaks plain HTTP, so that whoever forwards to it may be believed */
export function addressOf({ socket, headers }: IncomingMessage, isBehindProxy: boolean): string {
  const forwarded = headers["x-forwarded-for"];
  const forwardedFor = Array.isArray(forwarded) ? forwarded.at(-1) : forwarded;
  return clientAddress({ peer: socket.remoteAddress ?? "unknown", forwardedFor, isBehindProxy });
}

/** As a container's people are told it; an address that is none was the proxy's word. */
export function plainAddressOf(request: IncomingMessage, isBehindProxy: boolean): string {
  const bare = addressOf(request, isBehindProxy).replace(/^::ffff:(?=\d+\.)/, "");
  return isIP(bare) === 0 ? "0.0.0.0" : bare;
}
