/**
 * Which addresses are of the public internet. Webhooks are sent and images fetched from inside the operator's network
 * at a customer's word, so what is not surely public is not. Pure.
 */
import ipaddr from "ipaddr.js";

/** Public by its number, and yet answered by the cloud itself: Azure's host. */
const ANSWERED_BY_CLOUDS = new Set(["168.63.129.16"]);
/** All that is routed on the public internet. Whatever else is assigned one day is refused until we know it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

export function isPublicAddress(text: string): boolean {
  const address = parsed(text);
  if (address === null || address.range() !== "unicast") return false;
  if (address instanceof ipaddr.IPv6) return address.match(GLOBAL_UNICAST);
  return !ANSWERED_BY_CLOUDS.has(address.toString());
}

export function isLoopbackAddress(text: string): boolean {
  return parsed(text)?.range() === "loopback";
}

/** An IPv4 address in IPv6 clothes counts as what it is. */
function parsed(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  // Zones (fe80::1%eth0) never lead to the public internet, and shorthands like 127.1 are not addresses to us.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !(ipaddr.IPv6.isValid(text) && !text.includes("%")))
    return null;
  return ipaddr.process(text);
}
