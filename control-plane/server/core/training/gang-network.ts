/**
 * The addresses of a gang: from the number of its network and the places of its ranks to what the host of each rank is
 * told. Every host that has a rank gets a gateway address of its own within the gang's /24, and every rank an address of
 * the upper half. Which numbers are in use is the store's to know.
 */
import type { GangNetwork, RankName } from "@remotegpu/shared/instance/gang-network";

/** Each a /24 of 10.224.0.0/12. */
export const GANG_NETWORKS = 4_096;
/** Gateways and ranks have 127 addresses each, and some stay free. */
export const MAX_GANG_RANKS = 120;
const FIRST_OCTET = 224;
const FIRST_GATEWAY = 1;
const FIRST_RANK = 128;
const NETWORKS_OF_AN_OCTET = 256;

export interface GangPlace {
  /** By which the others find it. */
  name: string;
  hostId: string;
  /** Where the other hosts reach its host. */
  hostAddress: string;
}

export interface RankNetwork {
  network: GangNetwork;
  /** All ranks, in their order. */
  hosts: RankName[];
}

/** Those of all ranks, in their order. A gang on one host has no peers. */
export function gangNetworks(
  places: readonly GangPlace[],
  { number, udpPort }: { number: number; udpPort: number },
): RankNetwork[] {
  const prefix = `10.${FIRST_OCTET + Math.floor(number / NETWORKS_OF_AN_OCTET)}.${number % NETWORKS_OF_AN_OCTET}`;
  const ranks = places.map((place, rank) => ({ ...place, address: `${prefix}.${FIRST_RANK + rank}` }));
  const hosts = ranks.map(({ name, address }) => ({ name, address }));
  const ofHosts = [...Map.groupBy(ranks, ({ hostId }) => hostId)].map(([hostId, there], index) => ({
    hostId,
    gateway: `${prefix}.${FIRST_GATEWAY + index}`,
    host: there[0]?.hostAddress ?? "",
    addresses: there.map(({ address }) => address),
  }));
  return ranks.map(({ hostId, address }) => ({
    network: {
      id: number + 1,
      subnet: `${prefix}.0/24`,
      address,
      gateway: ofHosts.find((one) => one.hostId === hostId)?.gateway ?? "",
      udpPort,
      peers: ofHosts
        .filter((one) => one.hostId !== hostId)
        .map(({ host, addresses }) => ({ host, addresses })),
    },
    hosts,
  }));
}

/**
 * The next free number from `from` on, all around; null where none is. What is given back is not taken again at once, so
 * that a host which still takes a network down never finds it anew.
 */
export function freeNumber(inUse: ReadonlySet<number>, from: number): number | null {
  for (let step = 0; step < GANG_NETWORKS; step += 1) {
    const number = (from + step) % GANG_NETWORKS;
    if (!inUse.has(number)) return number;
  }
  return null;
}
