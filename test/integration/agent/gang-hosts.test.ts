/** A gang over three hosts, each with a network, a container runtime and an agent of its own. */
import { createSocket } from "node:dgram";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { LinkedAgent } from "../../support/worlds/fleet/linked-agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { gangNetwork, rankOrder } from "../../support/samples/gang-samples.ts";
import { vxlanPacket } from "../../support/vxlan-packet.ts";
import { LinkedHosts } from "../../support/worlds/fleet/linked-hosts.ts";

const HOSTS = 3;
const ID = 4_242;
const PORT = 8473;
/** Of a rank, on which nobody listens. */
const DEAF_PORT = 9_000;
const ADDRESSES = [0, 1, 2].map((at) => `10.224.30.${128 + at}`);
const COMMAND = "while :; do nc -l -p 7000 -e hostname; done";

const ending = new AsyncDisposableStack();
let linked: LinkedHosts;
let controlPlane: ScriptedControlPlane;
let agents: LinkedAgent[];

beforeAll(async () => {
  linked = ending.adopt(await LinkedHosts.begin({ count: HOSTS }), (one) => one.end());
  controlPlane = ending.adopt(await ScriptedControlPlane.start({ address: linked.outside }), (one) =>
    one.close(),
  );
  agents = await Promise.all(
    linked.hosts.map(async (at) =>
      ending.adopt(await LinkedAgent.begin(controlPlane, at), (one) => one.end()),
    ),
  );
});
afterAll(() => ending.disposeAsync());

function rank(at: number, live: Partial<DesiredInstance["live"]> = {}): DesiredInstance {
  const gang = gangNetwork({
    id: ID,
    udpPort: PORT,
    subnet: "10.224.30.0/24",
    gateway: `10.224.30.${at + 1}`,
    peers: linked.hosts.flatMap(({ address }, other) =>
      other === at ? [] : [{ host: address, addresses: [ADDRESSES[other] ?? ""] }],
    ),
  });
  return rankOrder("wide", { gang, at, of: HOSTS, command: COMMAND, live });
}

function orderAll(live: Partial<DesiredInstance["live"]> = {}, rest: Partial<DesiredInstance> = {}): void {
  for (const [at, { host }] of agents.entries()) host.order([{ ...rank(at, live), ...rest }]);
}

const observed = (at: number): ObservedInstance | undefined => agents[at]?.host.observed(rank(at).runId);

/** Of each rank: by address, whether it is found to answer. */
function reached(at: number): Record<string, boolean> {
  const findings = observed(at)?.held?.findings ?? [];
  return Object.fromEntries(
    findings.flatMap(({ address, isPassed }) => (address === undefined ? [] : [[address, isPassed]])),
  );
}

const reach = (address: string) => `nc -w 2 ${address} 7000 </dev/null && echo reached || echo cut`;

/** From within the network of a container on the second host. */
async function isUdp(
  { runId }: DesiredInstance,
  { at, packet }: { at: string; packet: Buffer },
): Promise<void> {
  const docker = (...words: string[]) =>
    execa("docker", ["-H", `unix://${linked.hosts[1]?.runtime.socketPath}`, ...words]);
  const { stdout: id } = await docker("ps", "-q", "--filter", `label=remotegpu.run=${runId}`);
  const { stdout: pid } = await docker("inspect", "--format", "{{.State.Pid}}", id);
  const send = `require("node:dgram").createSocket("udp4").send(Buffer.from("${packet.toString("hex")}", "hex"), ${PORT}, "${at}", () => process.exit())`;
  await execa("nsenter", ["-t", pid, "-n", process.execPath, "-e", send]);
}

async function sh(at: number, script: string, instance = rank(at)): Promise<string> {
  const { hostId } = agents[at]?.host ?? {};
  if (hostId === undefined) throw new Error(`there is no agent ${at}`);
  const reply = await controlPlane.orders.exec(hostId, {
    kind: "exec",
    instanceId: instance.instanceId,
    argv: ["sh", "-c", script],
    stdin: null,
    timeoutSeconds: 10,
  });
  if (reply.kind !== "exec-reply") throw new Error(JSON.stringify(reply));
  return Buffer.from(reply.stdout, "base64").toString();
}

/** How many packets by UDP have come to a rank for ports on which nobody listens. */
async function strayPackets(at: number): Promise<number> {
  const [names = "", counts = ""] = (await sh(at, "grep ^Udp: /proc/net/snmp")).split("\n");
  return Number(counts.split(" ")[names.split(" ").indexOf("NoPorts")]);
}

test("each held rank finds all others by packets of full size, and by a cut line names whom it does not reach", async () => {
  await linked.cut(0, 1);
  orderAll();
  const [zero = "", one = "", two = ""] = ADDRESSES;

  await eventually(() => Object.keys(reached(0)).length === 2 && reached(0)[two] === true, {
    what: "findings",
  });
  await eventually(() => reached(2)[zero] === true && reached(2)[one] === true, { what: "rank 2's" });
  // An answer takes both ways.
  expect(reached(0)).toEqual({ [one]: false, [two]: true });
  await eventually(() => reached(1)[two] === true, { what: "rank 1's" });
  expect(reached(1)).toEqual({ [zero]: false, [two]: true });
  const details = observed(0)?.held?.findings.map(({ detail }) => detail);
  expect(details).toContain(`rank-1 (${one}) does not answer packets of 1450 bytes.`);

  await linked.mend(0, 1);
  await eventually(() => reached(0)[one] === true && reached(1)[zero] === true, { what: "the mended line" });
  expect(observed(0)?.held?.findings.every(({ isPassed }) => isPassed)).toBe(true);
});

test("released, they speak with each other by name, and whoever is not of their hosts is not heard", async () => {
  orderAll({ released: true });
  for (const [at, { host }] of agents.entries()) await host.reported(rank(at).runId, { phase: "ready" });

  for (const [from, to] of [
    [0, 1],
    [1, 2],
    [2, 0],
  ] as const)
    expect(await eventually(() => sh(from, `nc -w 3 rank-${to} 7000 </dev/null`))).toBe(`rank-${to}\n`);
  expect(await sh(0, "cat /sys/class/net/eth0/mtu")).toBe("1450\n");

  const stranger = createSocket("udp4");
  const [zero = "", one = ""] = ADDRESSES;
  const print = async () => {
    const packet = vxlanPacket({ id: ID, from: one, to: zero, port: DEAF_PORT, text: "hello" });
    const at = linked.hosts[0]?.address ?? "";
    await new Promise<void>((resolve, reject) => {
      stranger.send(packet, PORT, at, (error) => (error ? reject(error) : resolve()));
    });
  };
  const before = await strayPackets(0);
  await print();
  // The rule alone tells the two packets apart: the second is the first one that comes in.
  const rule = (await agents[0]?.outputOf("iptables", "-S", "REMOTEGPU-GANGS"))
    ?.split("\n")
    .find((line) => line.endsWith("-j DROP"));
  await agents[0]?.outputOf("iptables", ...(rule ?? "").replace("-A", "-D").split(" "));
  await print();
  await eventually(async () => (await strayPackets(0)) > before, { what: "a packet without the rule" });
  expect(await strayPackets(0)).toBe(before + 1);
  stranger.close();
});

/** Of another customer, on the first two hosts beside the others' ranks. */
function stranger(at: number): DesiredInstance {
  const net = "10.224.31";
  const gang = gangNetwork({
    id: ID + 1,
    udpPort: PORT,
    subnet: `${net}.0/24`,
    gateway: `${net}.${at + 1}`,
    peers: [{ host: linked.hosts[1 - at]?.address ?? "", addresses: [`${net}.${129 - at}`] }],
  });
  return rankOrder("strange", { gang, at, of: 2, command: COMMAND, live: { released: true } });
}

test("another customer's gang on the same hosts reaches none of it, nor by packets that its own host sends on", async () => {
  for (const at of [0, 1]) {
    agents[at]?.host.order([rank(at, { released: true }), stranger(at)]);
    await agents[at]?.host.reported(stranger(at).runId, { phase: "ready" });
  }
  const [zero = "", one = ""] = ADDRESSES;
  const victim = linked.hosts[0]?.address ?? "";
  // Hosts have more addresses than the one by which a gang's hosts know them.
  const second = victim.replace(/\d+$/, "77");
  await agents[0]?.outputOf("ip", "address", "add", `${second}/24`, "dev", "line0");
  const packet = vxlanPacket({ id: ID, from: one, to: zero, port: DEAF_PORT, text: "hello" });
  const forge = (at: string) => isUdp(stranger(1), { at, packet });
  const before = await strayPackets(0);

  expect(await sh(1, reach(zero), stranger(1))).toContain("cut");
  expect(await sh(1, reach("10.224.31.128"), stranger(1))).toContain("reached");
  // Docker takes this jump out and puts it back whenever it makes a network.
  const jump = ["FORWARD", "-j", "DOCKER-ISOLATION-STAGE-1"] as const;
  await agents[1]?.outputOf("iptables", "-D", ...jump);
  expect(await sh(1, reach(one), stranger(1))).toContain("cut");
  await agents[1]?.outputOf("iptables", "-I", ...jump);
  await forge(victim);
  await forge(second);

  // The rule of the stranger's own host alone keeps them back: what comes once it is gone is the first that comes in.
  const rules = (await agents[1]?.outputOf("iptables", "-t", "mangle", "-S", "FORWARD"))?.split("\n") ?? [];
  for (const rule of rules.filter((line) => line.includes(`--dport ${PORT} `)))
    await agents[1]?.outputOf("iptables", "-t", "mangle", ...rule.replace("-A", "-D").split(" "));
  await forge(victim);
  await eventually(async () => (await strayPackets(0)) > before, { what: "a packet without the rule" });
  expect(await strayPackets(0)).toBe(before + 1);
  for (const at of [0, 1])
    agents[at]?.host.order([
      rank(at, { released: true }),
      { ...stranger(at), want: "removed", orderedBy: "customer" },
    ]);
});

test("a line that is cut while they run is reported by both its ends, and by no other", async () => {
  const [zero = "", one = ""] = ADDRESSES;

  await linked.cut(0, 1);
  await eventually(() => observed(0)?.cutOff?.join() === one && observed(1)?.cutOff?.join() === zero, {
    what: "both ends' word",
    withinMs: 60_000,
  });
  expect(observed(2)?.cutOff).toBeUndefined();

  await linked.mend(0, 1);
  await eventually(() => observed(0)?.cutOff === undefined && observed(1)?.cutOff === undefined, {
    what: "the mended line",
  });
});

test("nothing of it is left on any host when it is removed", async () => {
  orderAll({ released: true }, { want: "removed", orderedBy: "customer" });
  await eventually(() => [0, 1, 2].every((at) => observed(at) === undefined), { what: "their removal" });

  for (const agent of agents) {
    expect(await agent.outputOf("ip", "-o", "link", "show", "type", "vxlan")).toBe("");
    expect(await agent.outputOf("iptables", "-S")).not.toContain("REMOTEGPU-GANGS");
  }
});
