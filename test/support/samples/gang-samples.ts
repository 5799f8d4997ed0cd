/** Gang networks of tests, with everything that a test does not care about filled in. */
import type { GangNetwork } from "@remotegpu/shared/gang-network";

/** On one host, unless `changes` say otherwise. */
export function gangNetwork(changes: Partial<GangNetwork> = {}): GangNetwork {
  return {
    id: 4_711,
    subnet: "10.224.0.0/24",
    address: "10.224.0.128",
    gateway: "10.224.0.1",
    udpPort: 8473,
    peers: [],
    ...changes,
  };
}
