/**
 * What the neighbours of a hostile origin notice: the slowest of a hundred of their requests at a fixed rate, in turns with
 * and without somebody who floods another origin of the same gateway, in one way each. The gateway has its real limits and
 * shares this process with the site of the terminal; neighbours and the hostile have a process each. What this process
 * computes beside each harm is told as well: it says more than times do where the machine has other work.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
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
  const headers = (port: number, address: string) =>
    `Host: ${scene.hostOf(port)}\r\nX-Api-Key: ${scene.owner.key}\r\nX-Forwarded-For: ${address}\r\n`;
  const neighbours = forked("web-clients.ts", ending);
  const hostile = forked("hostile-clients.ts", ending);
  const told = async (to: typeof hostile, message: Wish | Harm | "stop"): Promise<unknown> => {
    to.send(message);
    const [answer] = (await once(to, "message")) as [unknown];
    return answer;
  };
  const { port } = scene.gateway;
  const paced: Wish = {
    what: "paced",
    perSecond: PER_SECOND,
    ms: EACH_MS,
    port,
    head: `GET /say HTTP/1.1\r\n${headers(SERVICE_PORT, "203.0.113.8")}\r\n`,
  };
  const p99 = async () => {
    const took = (await told(neighbours, paced)) as number[];
    return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
  };
  const harm = {
    port,
    opens: headers(HOSTILE_PORT, "203.0.113.7"),
    terminal: `${terminal.url.replace("http", "ws")}/socket`,
  };

  say(headLine(`p99 of neighbours, ${PER_SECOND} requests a second (${ROUNDS} rounds; aim: 1.25 or 2 ms)`));
  await p99();
  for (const [what, words] of Object.entries(HARMS) as [Harm["what"], string][]) {
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
