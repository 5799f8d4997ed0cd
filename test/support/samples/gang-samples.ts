/** Gang networks and ranks of tests, with everything that a test does not care about filled in. */
import type { GangNetwork } from "@remotegpu/shared/instance/gang-network";
import type { InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { desiredOf } from "./desired-instance.ts";

const FIRST_RANK = 128;

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

/** Of a rank of that gang. */
function addressOfRank({ subnet }: GangNetwork, at: number): string {
  return `${subnet.split(".").slice(0, 3).join(".")}.${FIRST_RANK + at}`;
}

/** As a job's rank is ordered: held back until it is released, and never started again. */
export function rankOrder(
  name: string,
  {
    gang,
    at,
    of,
    command,
    live = {},
  }: {
    gang: GangNetwork;
    at: number;
    of: number;
    command: string;
    live?: Partial<DesiredInstance["live"]>;
  },
): DesiredInstance {
  const hosts = Array.from({ length: of }, (_, each) => ({
    name: `rank-${each}`,
    address: addressOfRank(gang, each),
  }));
  const order = desiredOf(`${name}-${at}`, {
    kind: "training",
    gate: "released",
    restarts: "never",
    network: { ...gang, address: addressOfRank(gang, at) },
    hostname: `rank-${at}`,
    hosts,
    command,
  });
  return {
    ...order,
    instanceId: `job-${name}-${at}` as InstanceId,
    runId: `run-${name}-${at}` as RunId,
    live: { ...order.live, stopGraceSeconds: 2, ...live },
  };
}
