/**
 * Whether somebody listens on a port of a network namespace, from the kernel's own tables (/proc/<pid>/net/tcp and tcp6),
 * where the listening sockets stand first. Nobody is connected to: a program that takes one connection only is not to
 * lose it. What is meant is what a client can reach, who is led to 127.0.0.1 or to the container's own address.
 */

const LISTENS = "0A";
/** As the tables write them, on a machine whose lowest byte comes first. */
const LOOPBACK = "0100007F";
const ANY_IN_SIX = "0".repeat(32);
const FOUR_IN_SIX = `${"0".repeat(16)}FFFF0000`;

/** @param table of IPv4 or IPv6, or as much of it as was read: a line that is cut off counts for nothing */
export function isListening(table: string, port: number): boolean {
  return table.split("\n").some((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    const [address = "", portInHex = ""] = local.split(":");
    return state === LISTENS && Number.parseInt(portInHex, 16) === port && isReached(address);
  });
}

function isReached(address: string): boolean {
  if (address.length !== ANY_IN_SIX.length) return isReachedInFour(address);
  // Who listens on :: takes IPv4 as well, unless it says otherwise, which the table does not tell.
  if (address === ANY_IN_SIX) return true;
  return address.startsWith(FOUR_IN_SIX) && isReachedInFour(address.slice(FOUR_IN_SIX.length));
}

/** Other addresses of the loopback network, as the runtime's own name server has one, are nobody's way in. */
function isReachedInFour(address: string): boolean {
  return address === LOOPBACK || !address.endsWith("7F");
}
