/**
 * What the neighbours of a hostile origin notice: the slowest of a hundred of their requests at a fixed rate, in turns with
 * and without somebody who floods another origin, or another inference service, of the same gateway, in one way each. The gateway has its real limits and
 * shares this process with the site of the terminal; neighbours and the hostile have a process each. What this process
 * computes beside each harm is told as well: it says more than times do where the machine has other work.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { ServedScene } from "../support/worlds/served-scene.ts";
import { openWebScene, SERVICE_PORT } from "../support/worlds/web-scene.ts";
import { TerminalScene } from "../support/worlds/terminal-scene.ts";
import { sceneDatabase } from "./bench-database.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import type { Harm } from "./hostile-clients.ts";
import type { Wish } from "./web-clients.ts";

const ROUNDS = 4;
const PER_SECOND = 100;
const EACH_MS = 2_000;
const HOSTILE_PORT = 8_001;
/** As proxies name them. */
const NEIGHBOUR = "203.0.113.8";
const HOSTILE = "203.0.113.7";
const SERVICE = new URL("../fixtures/web-service.ts", import.meta.url).pathname;
const HARMS = {
  headers: "a flood of headers",
  "slow-bodies": "200 slow bodies",
  garbage: "garbage, of clients and of a container",
  sockets: "10,000 WebSockets",
  terminal: "a flood of escapes in a terminal",
} as const satisfies Record<Harm["what"], string>;

export async function measureNeighbours(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const scene = ending.adopt(await openWebScene({}, await sceneDatabase(ending)), (one) => one.close());
  const terminal = ending.adopt(await TerminalScene.open(), (one) => one.close());
  await scene.container.serveFixture(SERVICE, HOSTILE_PORT);
  const opens = (port: number, address: string) => headers(scene.hostOf(port), scene.owner.key, address);
  const { port } = scene.gateway;
  say(headLine(`p99 of neighbours, ${PER_SECOND} requests a second (${ROUNDS} rounds; aim: 1.25 or 2 ms)`));
  await besideEach(say, ending, {
    head: `GET /say HTTP/1.1\r\n${opens(SERVICE_PORT, NEIGHBOUR)}\r\n`,
    harm: {
      port,
      opens: opens(HOSTILE_PORT, HOSTILE),
      prefix: "",
      terminal: `${terminal.url.replace("http", "ws")}/socket`,
    },
    harms: HARMS,
  });
}

/** The same of services, each in a container of its own. */
export async function measureServiceNeighbours(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const scene = ending.adopt(await openWebScene({}, await sceneDatabase(ending)), (one) => one.close());
  const quiet = ending.use(await ServedScene.begin(scene, { replicas: 1 }));
  const flooded = ending.use(await ServedScene.begin(scene, { replicas: 1 }));
  const opens = ({ key }: ServedScene, address: string) => headers(scene.base.domain, key, address);
  const { port } = scene.gateway;
  const { terminal: _none, ...harms } = HARMS;
  say(headLine(`p99 of a service, ${PER_SECOND} requests a second (${ROUNDS} rounds; aim: 1.25 or 2 ms)`));
  await besideEach(say, ending, {
    head: `GET /services/${quiet.id}/say HTTP/1.1\r\n${opens(quiet, NEIGHBOUR)}\r\n`,
    harm: { port, opens: opens(flooded, HOSTILE), prefix: `/services/${flooded.id}`, terminal: "" },
    harms,
  });
}

function headers(host: string, key: string, address: string): string {
  return `Host: ${host}\r\nX-Api-Key: ${key}\r\nX-Forwarded-For: ${address}\r\n`;
}

async function besideEach(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
  { head, harm, harms }: { head: string; harm: Omit<Harm, "what">; harms: Partial<typeof HARMS> },
): Promise<void> {
  const neighbours = forked("web-clients.ts", ending);
  const hostile = forked("hostile-clients.ts", ending);
  const told = async (to: typeof hostile, message: Wish | Harm | "stop"): Promise<unknown> => {
    to.send(message);
    const [answer] = (await once(to, "message")) as [unknown];
    return answer;
  };
  const paced: Wish = { what: "paced", perSecond: PER_SECOND, ms: EACH_MS, port: harm.port, head };
  const p99 = async () => {
    const took = (await told(neighbours, paced)) as number[];
    return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
  };
  await p99();
  for (const [what, words] of Object.entries(harms) as [Harm["what"], string][]) {
    const pairs: Pair[] = [];
    const computed: number[] = [];
    while (pairs.length < ROUNDS) {
      const bare = await p99();
      await told(hostile, { what, ...harm });
      const before = process.cpuUsage();
      const ours = await p99();
      const { user, system } = process.cpuUsage(before);
      computed.push((user + system) / 1_000 / (EACH_MS / 1_000));
      await told(hostile, "stop");
      pairs.push({ ours, bare });
    }
    say(ratioLine(`beside ${words}`, pairs));
    const more = pairs.map(({ ours, bare }) => ours - bare);
    say(valuesLine("  more than without", more, "ms"));
    const without = pairs.map(({ bare }) => bare);
    say(valuesLine("  without", without, "ms"));
    say(valuesLine("  computed each second", computed, "ms"));
  }
}

function forked(script: string, ending: AsyncDisposableStack) {
  const child = fork(new URL(script, import.meta.url).pathname);
  ending.defer(() => void child.kill("SIGKILL"));
  return child;
}
