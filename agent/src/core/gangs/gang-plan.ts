/**
 * What the numbers of a gang's network come to on one host: who is reached by which other host, by which hardware address,
 * and in packets of which size. Pure.
 */
import type { GangNetwork } from "@remotegpu/shared/instance/gang-network";

/** What all of its ranks on one host have in common: what a host makes once for them. */
export type HostGang = Omit<GangNetwork, "address">;

/** Outer Ethernet, IPv4, UDP and VXLAN headers. */
const VXLAN_HEADER_BYTES = 50;
/** This address stands for whatever is not known by its own: queries for addresses go to every other host. */
const EVERYBODY = "00:00:00:00:00:00";
/** The MTU of an underlay that does not report one. */
export const USUAL_MTU = 1500;

export function hostGangOf({ address: _ofRank, ...gang }: GangNetwork): HostGang {
  return gang;
}

/** Fixed by the rank's address, so that every host knows it without asking. */
export function macOf(address: string): string {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return `02:42:${bytes.join(":")}`;
}

/** Which hardware address is behind which host; there is no other, and none is learned. */
export function forwardings({ peers }: Pick<HostGang, "peers">): { mac: string; host: string }[] {
  return peers.flatMap(({ host, addresses }) => [
    { mac: EVERYBODY, host },
    ...addresses.map((address) => ({ mac: macOf(address), host })),
  ]);
}

/** What fits into the smallest of the ways to its other hosts; null where there is none, and nothing is wrapped. */
export function mtuOver(routes: readonly number[]): number | null {
  return routes.length === 0 ? null : Math.min(...routes) - VXLAN_HEADER_BYTES;
}
