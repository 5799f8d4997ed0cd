/**
 * The network of a gang over two hosts beside a VXLAN between the same two that was made by hand: bytes from one rank to
 * the other by one connection. Both go over the same line in turns, and the same programs send and receive.
 */
import { execa } from "execa";
import { z } from "zod";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/units";
import { LinkedAgent } from "../support/agent/linked-agent.ts";
import { ScriptedControlPlane } from "../support/agent/scripted-control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { gangNetwork, rankOrder } from "../support/samples/gang-samples.ts";
import { LinkedHosts, type LinkedHost } from "../support/worlds/linked-hosts.ts";
import { headLine, ratioLine, valuesLine, type Pair } from "./comparison.ts";

const ROUNDS = 12;
const TRANSFER_BYTES = 1_024 * MIB;
const PORT = 7_000;
const ADDRESSES = ["10.224.40.128", "10.224.40.129"] as const;
const BARE_ADDRESSES = ["10.225.40.1", "10.225.40.2"] as const;
const BARE = { id: 99, udpPort: 8_474, mtu: 1_450 };

const Took = z.object({ bytes: z.number(), ms: z.number() });

/** Says that it listens, and at the end of the one connection how many bytes came in which time. */
const RECEIVE = `require("node:net").createServer((socket) => {
  const began = performance.now();
  let bytes = 0;
  socket.on("data", (data) => (bytes += data.length));
  socket.on("end", () => {
    console.log(JSON.stringify({ bytes, ms: performance.now() - began }));
    process.exit();
  });
}).listen(${PORT}, "0.0.0.0", () => console.log("listens"));`;
const SEND = `const socket = require("node:net").connect(${PORT}, process.argv[1]);
const piece = Buffer.alloc(${MIB});
let left = ${TRANSFER_BYTES / MIB};
const more = () => {
  while (left > 0) {
    left -= 1;
    if (!socket.write(piece)) return socket.once("drain", more);
  }
  socket.end();
};
socket.on("connect", more);`;

/** Two ends of one way: namespaces of networks as files, and the second one's address. */
interface Way {
  from: string;
  to: string;
  address: string;
}

export async function measureGangNetwork(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const linked = ending.adopt(await LinkedHosts.begin({ count: 2 }), (one) => one.end());
  const ours = await gangWay(linked, ending);
  const bare = await bareWay(linked.hosts, ending);

  // Whoever comes second in a round finds another machine than the first.
  const inTurns = async (isOursFirst: boolean): Promise<Pair> => {
    if (isOursFirst) return { ours: await rateOf(ours), bare: await rateOf(bare) };
    const second = await rateOf(bare);
    return { ours: await rateOf(ours), bare: second };
  };
  const pairs: Pair[] = [];
  for (let round = 0; round < ROUNDS; round += 1) pairs.push(await inTurns(round % 2 === 0));
  say(headLine(`Bytes between two hosts by one connection (${ROUNDS} rounds)`));
  say(ratioLine("a gang's network to a VXLAN made by hand, MiB/s", pairs));
  say(
    valuesLine(
      "a gang's network, MiB/s",
      pairs.map((pair) => pair.ours),
      "MiB",
    ),
  );
  say(
    valuesLine(
      "made by hand, MiB/s",
      pairs.map((pair) => pair.bare),
      "MiB",
    ),
  );
}

/** Between the ranks of a gang that two agents hold. */
async function gangWay(linked: LinkedHosts, ending: AsyncDisposableStack): Promise<Way> {
  const controlPlane = ending.adopt(await ScriptedControlPlane.start({ address: linked.outside }), (one) =>
    one.close(),
  );
  const ends: string[] = [];
  for (const [at, host] of linked.hosts.entries()) {
    const agent = ending.adopt(await LinkedAgent.begin(controlPlane, host), (one) => one.end());
    const other = 1 - at;
    const gang = gangNetwork({
      subnet: "10.224.40.0/24",
      gateway: `10.224.40.${at + 1}`,
      peers: [{ host: linked.hosts[other]?.address ?? "", addresses: [ADDRESSES[other] ?? ""] }],
    });
    const order = rankOrder("bench", { gang, at, of: 2, command: "true" });
    agent.host.order([order]);
    const { containerId } = await eventually(() => {
      const observed = agent.host.observed(order.runId);
      return observed?.held === undefined ? undefined : observed;
    });
    const { State: state } = await host.runtime.client.getContainer(containerId ?? "").inspect();
    ends.push(`/proc/${state.Pid}/ns/net`);
  }
  return { from: ends[0] ?? "", to: ends[1] ?? "", address: ADDRESSES[1] };
}

/** Between two more namespaces, each on a bridge of its host. */
async function bareWay(hosts: readonly LinkedHost[], ending: AsyncDisposableStack): Promise<Way> {
  const ends: string[] = [];
  for (const [at, host] of hosts.entries()) {
    const { namespace } = host.runtime;
    const inner = `${namespace}-bare`;
    await execa("ip", ["netns", "add", inner]);
    ending.defer(async () => void (await execa("ip", ["netns", "delete", inner])));
    const remote = hosts[1 - at]?.address ?? "";
    const { id, udpPort, mtu } = BARE;
    for (const line of [
      "link add bare type bridge",
      `link add bare0 mtu ${mtu} type vxlan id ${id} dstport ${udpPort} remote ${remote}`,
      `link add bare1 mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${inner}`,
      "link set bare0 master bare up",
      "link set bare1 master bare up",
      "link set bare up",
    ])
      await execa("ip", ["-netns", namespace, ...line.split(" ")]);
    await execa("ip", ["-netns", inner, "address", "add", `${BARE_ADDRESSES[at]}/24`, "dev", "eth0"]);
    await execa("ip", ["-netns", inner, "link", "set", "eth0", "up"]);
    ends.push(`/run/netns/${inner}`);
  }
  return { from: ends[0] ?? "", to: ends[1] ?? "", address: BARE_ADDRESSES[1] };
}

/** MiB in a second. */
async function rateOf({ from, to, address }: Way): Promise<number> {
  const inside = (network: string, script: string, ...args: string[]) =>
    execa("nsenter", [`--net=${network}`, process.execPath, "-e", script, ...args]);
  const receiving = inside(to, RECEIVE);
  const lines = receiving[Symbol.asyncIterator]();
  await lines.next();
  await inside(from, SEND, address);
  const { value: said } = await lines.next();
  await receiving;
  const { bytes, ms } = Took.parse(JSON.parse(String(said)));
  if (bytes < TRANSFER_BYTES) throw new Error(`${bytes} bytes came instead of ${TRANSFER_BYTES}`);
  return bytes / MIB / (ms / MS_PER_SECOND);
}
