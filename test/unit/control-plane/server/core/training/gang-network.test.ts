import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  freeNumber,
  GANG_NETWORKS,
  gangNetworks,
  type GangPlace,
  MAX_GANG_RANKS,
} from "@remotegpu/control-plane/server/core/training/gang-network";
import { GangNetwork, RankName } from "@remotegpu/shared/instance/gang-network";

/** One rank for each letter, on the host of that letter. */
function places(hosts: string): GangPlace[] {
  return hosts.split("").map((host, rank) => ({
    name: `job-1-${rank}`,
    hostId: host,
    hostAddress: `192.0.2.${host.charCodeAt(0)}`,
  }));
}

test("ranks and hosts get addresses of their own, and each host the route to the others", () => {
  const [first, second, third] = gangNetworks(places("aba"), { number: 258, udpPort: 8473 });

  expect(first?.network).toEqual({
    id: 259,
    subnet: "10.225.2.0/24",
    address: "10.225.2.128",
    gateway: "10.225.2.1",
    udpPort: 8473,
    peers: [{ host: "192.0.2.98", addresses: ["10.225.2.129"] }],
  });
  expect(second?.network).toMatchObject({
    address: "10.225.2.129",
    gateway: "10.225.2.2",
    peers: [{ host: "192.0.2.97", addresses: ["10.225.2.128", "10.225.2.130"] }],
  });
  expect(third?.network).toMatchObject({ address: "10.225.2.130", gateway: "10.225.2.1" });
  expect(third?.hosts).toEqual([
    { name: "job-1-0", address: "10.225.2.128" },
    { name: "job-1-1", address: "10.225.2.129" },
    { name: "job-1-2", address: "10.225.2.130" },
  ]);
});

test("on one host there is nobody to reach", () => {
  for (const { network } of gangNetworks(places("aa"), { number: 0, udpPort: 8473 }))
    expect(network.peers).toEqual([]);
});

const anyGang = fc.record({
  hosts: fc.array(fc.constantFrom(..."abcdefgh".split("")), { minLength: 1, maxLength: MAX_GANG_RANKS }),
  number: fc.integer({ min: 0, max: GANG_NETWORKS - 1 }),
});

test("whatever the places, agents understand it, no address is given twice and every rank is some host's", () => {
  fc.assert(
    fc.property(anyGang, ({ hosts, number }) => {
      const networks = gangNetworks(places(hosts.join("")), { number, udpPort: 8473 });

      const subnets = new Set(networks.map(({ network }) => network.subnet));
      expect(subnets.size).toBe(1);
      const ranks = networks.map(({ network }) => network.address);
      const gateways = new Set(networks.map(({ network }) => network.gateway));
      expect(new Set([...ranks, ...gateways]).size).toBe(ranks.length + new Set(hosts).size);
      const prefix = [...subnets].join().replace(/0\/24$/, "");
      for (const [rank, { network, hosts: names }] of networks.entries()) {
        expect(GangNetwork.parse(network)).toEqual(network);
        expect(RankName.array().parse(names)).toEqual(names);
        for (const address of [network.address, network.gateway])
          expect(address.startsWith(prefix)).toBe(true);
        const own = ranks.filter((_address, other) => hosts[other] === hosts[rank]);
        expect([...own, ...network.peers.flatMap(({ addresses }) => addresses)].sort()).toEqual(
          [...ranks].sort(),
        );
      }
    }),
  );
});

test("two numbers never share an address or an id", () => {
  const ofNumber = (number: number) => gangNetworks(places("a"), { number, udpPort: 1 })[0]?.network;
  const all = Array.from({ length: GANG_NETWORKS }, (_, number) => ofNumber(number));

  expect(new Set(all.map((network) => network?.subnet)).size).toBe(GANG_NETWORKS);
  expect(new Set(all.map((network) => network?.id)).size).toBe(GANG_NETWORKS);
  expect(all.at(-1)?.subnet).toBe("10.239.255.0/24");
});

describe("a free number", () => {
  test.each<[string, number[], number, number]>([
    ["is the one requested", [], 7, 7],
    ["is the next one where that is in use", [7, 8], 7, 9],
    ["is found all around", [GANG_NETWORKS - 1], GANG_NETWORKS - 1, 0],
  ])("%s", (_what, inUse, from, found) => {
    expect(freeNumber(new Set(inUse), from)).toBe(found);
  });

  test("is none where all are in use", () => {
    expect(freeNumber(new Set(Array.from({ length: GANG_NETWORKS }, (_, n) => n)), 3)).toBeNull();
  });
});
