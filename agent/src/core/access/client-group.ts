/**
 * From where a client comes, and with whom it shares its bounds: an IPv4 address stands for itself, an IPv6 address for
 * the network of 64 bits that whoever has one of its addresses has all of.
 */

const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const GROUPS = 8;
const GROUPS_OF_NETWORK = 4;

/** As people write it: an IPv4 client of a socket for both kinds is told by its IPv4 address, and no zone is told. */
export function addressOf(remoteAddress: string): string {
  const [address = ""] = remoteAddress.split("%");
  return MAPPED.exec(address)?.[1] ?? address;
}

/** @param address as `addressOf` has it */
export function groupOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.split("::");
  const before = groupsIn(head);
  const after = groupsIn(tail);
  const zeros = Array.from({ length: Math.max(0, GROUPS - before.length - after.length) }, () => "0");
  return `${[...before, ...zeros, ...after].slice(0, GROUPS_OF_NETWORK).join(":")}::/64`;
}

/** A dotted end stands for two groups; which ones is nobody's concern, since they lie outside of the network's part. */
function groupsIn(part: string): string[] {
  if (part === "") return [];
  return part
    .split(":")
    .flatMap((group) => (group.includes(".") ? ["0", "0"] : [group.toLowerCase().replace(/^0+(?=.)/, "")]));
}
