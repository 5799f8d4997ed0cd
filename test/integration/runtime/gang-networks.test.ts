/** The network of a gang on one host: who reaches whom, and what is there for its other hosts and gone with it. */
import { createServer, type AddressInfo, type Server } from "node:net";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GangNetwork } from "@remotegpu/shared/instance/gang-network";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { obstacleToGangs } from "@remotegpu/agent/runtime/networks/gang-ability";
import { bridgeName } from "@remotegpu/agent/runtime/networks/networks";
import { deviceName } from "@remotegpu/agent/runtime/networks/vxlan";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { gangNetwork } from "../../support/samples/gang-samples.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";

/** Nobody is there, and nothing has to be. */
const PEERS = [{ host: "198.51.100.7", addresses: ["10.224.9.129"] }];

let host: RuntimeUnderTest;
let service: Server;

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  service = createServer((socket) => socket.end("host service\n")).listen(0, "0.0.0.0");
});

afterAll(async () => {
  service.close();
  await host.end();
});

/** The third byte of the subnet, and the id, tell the gang. */
function gang(number: number, peers: GangNetwork["peers"] = []): GangNetwork {
  const net = `10.224.${number}`;
  return gangNetwork({
    id: 7_000_000 + (process.pid % 1000) * 100 + number,
    subnet: `${net}.0/24`,
    gateway: `${net}.1`,
    address: `${net}.128`,
    peers,
  });
}

function rank(of: GangNetwork, at: number, changes: Partial<InstanceSpec> = {}): DesiredInstance {
  const net = of.subnet.split(".").slice(0, 3).join(".");
  const hosts = [0, 1].map((each) => ({ name: `rank-${each}`, address: `${net}.${128 + each}` }));
  return desiredOf(`${of.id}-${at}`, {
    network: { ...of, address: `${net}.${128 + at}` },
    hostname: `rank-${at}`,
    hosts,
    ...changes,
  });
}

const LISTEN = "while :; do echo hello | nc -l -p 7000; done";
const reach = (address: string, port: number) =>
  `nc -w 1 ${address} ${port} </dev/null && echo reached || echo cut`;

const rules = async () => (await execa("iptables-save")).stdout;
const devices = async () => (await execa("ip", ["-o", "link"])).stdout;

async function bridgeOf(of: GangNetwork): Promise<string> {
  const name = await host.runtime.networkName(of);
  if (name === null) throw new Error("the gang has no network");
  return bridgeName(name);
}

test("a host can be one of a gang's, and one without the programs for it reports what it lacks", async () => {
  expect(await obstacleToGangs()).toBeNull();
  expect(await devices()).not.toContain(`rgxt${process.pid}`);

  const path = process.env["PATH"];
  process.env["PATH"] = "/nowhere";
  const obstacle = obstacleToGangs();
  process.env["PATH"] = path;

  expect(await obstacle).toMatch(/^cannot run \w+, without which there are no networks of gangs/);
});

test("ranks reach each other by name at the addresses they were given, and neither another gang nor the host", async () => {
  const one = gang(1);
  const other = gang(2);
  const server = await host.launch(rank(one, 0, { command: LISTEN }));
  const friend = await host.launch(rank(one, 1));
  const stranger = await host.launch(rank(other, 1));

  const answer = await eventually(async () => {
    const now = await host.sh(friend, reach("rank-0", 7000));
    return now.includes("hello") ? now : undefined;
  });

  expect(answer).toBe("hello\nreached\n");
  expect(await host.sh(server, "ip -o -4 addr show dev eth0; ip route; cat /etc/hosts")).toMatch(
    /10\.224\.1\.128\/24[^]*default via 10\.224\.1\.1[^]*10\.224\.1\.129\trank-1/,
  );
  expect(await host.sh(stranger, reach("10.224.1.128", 7000))).toContain("cut");
  const { port } = service.address() as AddressInfo;
  const gateways = ["10.224.1.1", "10.224.2.1"].map((gateway) => host.sh(friend, reach(gateway, port)));
  for (const output of await Promise.all(gateways)) expect(output).toContain("cut");
});

test("its other hosts are fixed and the only ones that are let in, and all of it goes with its last container", async () => {
  const wide = gang(3, PEERS);
  const ids = [await host.launch(rank(wide, 0)), await host.launch(rank(wide, 1))];
  const device = deviceName(host.hostId, wide);
  const bridge = await bridgeOf(wide);
  const underlay = Number((await execa("cat", ["/sys/class/net/eth0/mtu"])).stdout);

  const made = (await execa("ip", ["-d", "link", "show", device])).stdout;
  expect(made).toContain(`mtu ${underlay - 50} `);
  expect(made).toContain(`master ${bridge} `);
  expect(made).toMatch(new RegExp(`vxlan id ${wide.id} .*dstport 8473 .*nolearning`));
  expect((await execa("ip", ["link", "show", bridge])).stdout).toContain(`mtu ${underlay - 50} `);
  expect(await host.sh(ids[1] ?? "", "cat /sys/class/net/eth0/mtu")).toBe(`${underlay - 50}\n`);
  const forwarded = (await execa("bridge", ["fdb", "show", "dev", device])).stdout;
  expect(forwarded).toContain("00:00:00:00:00:00 dst 198.51.100.7");
  expect(forwarded).toContain("02:42:0a:e0:09:81 dst 198.51.100.7");
  const open = (await rules()).split("\n").filter((line) => line.includes(`remotegpu-${host.hostId} `));
  expect(open.map((line) => line.replace(/-p udp.* -j/, "-j"))).toEqual([
    "-A FORWARD ! -d 10.224.0.0/12 -j DROP",
    "-A REMOTEGPU-GANGS -s 198.51.100.7/32 -j ACCEPT",
    "-A REMOTEGPU-GANGS -j DROP",
  ]);
  expect(await rules()).toContain("-A INPUT -p udp -j REMOTEGPU-GANGS");

  const remove = (at: number) =>
    host.runtime.remove({ containerId: ids[at] ?? "", runId: rank(wide, at).runId });
  await remove(0);
  expect(await devices()).toContain(device);
  await remove(1);

  expect(await devices()).not.toMatch(new RegExp(`${device}|${bridge}`));
  expect(await rules()).not.toMatch(new RegExp(`${bridge}|remotegpu-${host.hostId} `));
});

test("what an earlier life left is removed by the next, and a device of other peers is made anew", async () => {
  const wide = gang(4, PEERS);
  const first = rank(wide, 0);
  const containerId = await host.launch(first);
  const device = deviceName(host.hostId, wide);
  const bridge = await bridgeOf(wide);

  // As after a crash between the end of its containers and that of its network.
  await docker.getContainer(containerId).remove({ force: true });
  const moved = { ...wide, peers: [{ host: "198.51.100.8", addresses: ["10.224.9.129"] }] };
  const runtime = host.restarted();
  const order = rank(moved, 1);
  const anew = await runtime.create(order, await host.ready(order));
  await runtime.start(anew, order.spec);

  const forwarded = (await execa("bridge", ["fdb", "show", "dev", device])).stdout;
  expect(forwarded).toContain("198.51.100.8");
  expect(forwarded).not.toContain("198.51.100.7");
  expect(await rules()).not.toContain("198.51.100.7/32");

  await docker.getContainer(anew).remove({ force: true });
  await host.restarted().repairNetworks();

  expect(await devices()).not.toMatch(new RegExp(`${device}|${bridge}`));
  expect(await rules()).not.toContain(`remotegpu-${host.hostId} `);
});

test("a device and rules that somebody took away are put back", async () => {
  const wide = gang(5, PEERS);
  await host.launch(rank(wide, 0));
  const device = deviceName(host.hostId, wide);
  await execa("ip", ["link", "delete", device]);
  const lets = (await rules()).split("\n").find((line) => line.includes("-A REMOTEGPU-GANGS -s")) ?? "";
  await execa("iptables", lets.replace("-A", "-D").split(" "));
  expect(await rules()).not.toContain("-A REMOTEGPU-GANGS -s");

  await host.runtime.repairNetworks();

  expect(await devices()).toContain(device);
  expect(await rules()).toContain("-A REMOTEGPU-GANGS -s 198.51.100.7/32");
});
