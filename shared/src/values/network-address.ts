/**
 * Addresses and networks as texts, compared by what they mean: an IPv4 address in IPv6 clothes is the IPv4 address. Says
 * also which addresses mean something else on every machine, so that nobody can be reached there from another one. Pure.
 */
import ipaddr from "ipaddr.js";

/**
 * Services that clouds put beside their machines, besides those in the link-local range: AWS and Google by IPv6, Alibaba,
 * Azure's host and Oracle. None of them is ever a host's own address.
 */
const METADATA = new Set([
  "fd00:ec2::254",
  "fd00:ec2::23",
  "fd00:ec2::253",
  "fd20:ce::254",
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
]);

type AddressUse =
  /** A machine may have it. */
  | "machine"
  | "loopback"
  | "link-local"
  | "metadata"
  /** Nobody in particular: unspecified, multicast, broadcast, reserved, and IPv4 wrapped for translators. */
  | "nobody";

/** An IPv4 address wrapped for a translator leads wherever that sends it; so does one of a tunnel. */
const NO_HANDLERS = new Set([
  "unspecified",
  "multicast",
  "broadcast",
  "discard",
  "rfc6145",
  "rfc6052",
  "6to4",
  "teredo",
]);
/** Reserved, and the "IPv4-compatible" form that nobody uses any more. */
const FUTURE = ipaddr.IPv4.parseCIDR("240.0.0.0/4");
const IPV4_COMPATIBLE = ipaddr.IPv6.parseCIDR("::/96");

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** The one spelling of an address; null for what is none, zones (fe80::1%eth0) and shorthands like 127.1 included. */
export function normalAddress(text: string): string | null {
  return parsed(text)?.toString() ?? null;
}

export interface NetworkAddress {
  /** In its one spelling. */
  text: string;
  use: AddressUse;
}

/** Null for what is no address. */
export function readAddress(text: string): NetworkAddress | null {
  const address = parsed(text);
  return address === null ? null : { text: address.toString(), use: useOf(address) };
}

function useOf(address: Address): AddressUse {
  const range = address.range();
  if (METADATA.has(address.toString())) return "metadata";
  if (range === "loopback") return "loopback";
  if (range === "linkLocal") return "link-local";
  if (NO_HANDLERS.has(range)) return "nobody";
  const isNobodys = address instanceof ipaddr.IPv4 ? address.match(FUTURE) : address.match(IPV4_COMPATIBLE);
  return isNobodys ? "nobody" : "machine";
}

/** `10.0.0.0/8`, `fd12:3456::/48`, or a single address; its host part must be zero. Null for anything else. */
export function normalNetwork(text: string): string | null {
  const network = parsedNetwork(text);
  return network === null ? null : `${network[0].toString()}/${network[1]}`;
}

/** Whether the address lies in the network; false where either is none. */
export function isWithin(address: string, network: string): boolean {
  const [one, range] = [parsed(address), parsedNetwork(network)];
  if (one === null || range === null || one.kind() !== range[0].kind()) return false;
  return one.match(range);
}

function parsedNetwork(text: string): [Address, number] | null {
  const [base = "", bits, ...more] = text.split("/");
  const address = parsed(base);
  if (address === null || more.length > 0) return null;
  const most = address instanceof ipaddr.IPv4 ? 32 : 128;
  // In IPv6 clothes its bits would be of another length.
  if (bits !== undefined && (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > most)) return null;
  if (most === 32 && base.includes(":")) return null;
  const length = bits === undefined ? most : Number(bits);
  const first =
    address instanceof ipaddr.IPv4
      ? ipaddr.IPv4.networkAddressFromCIDR(`${address.toString()}/${length}`)
      : ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${length}`);
  return first.toString() === address.toString() ? [address, length] : null;
}

function parsed(text: string): Address | null {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !(ipaddr.IPv6.isValid(text) && !text.includes("%")))
    return null;
  return ipaddr.process(text);
}
