/**
 * What the neighbours of a hostile origin notice: the slowest of a hundred of their requests at a fixed rate, in turns with
 * and without somebody who floods another origin, or another inference service, of the same gateway, in one way each. The
 * gateway has its real limits and shares this process with the site of the terminal; neighbours and the hostile have a
 * process each. Whoever is hostile is on other machines in truth: product and neighbours get a core before all others
 * (first-in-line.ts), so that a wait is the product's and not the machine's. Both collect their garbage as in the product's
 * units.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { SPARING_MEMORY } from "@remotegpu/control-plane/server/quickstart/stage";
import { ServedScene } from "../support/worlds/served-scene.ts";
import { openWebScene, SERVICE_PORT } from "../support/worlds/web-scene.ts";
import { TerminalScene } from "../support/worlds/terminal-scene.ts";
import { again, collectsQuickly } from "./as-in-units.ts";
import { sceneDatabase } from "./bench-database.ts";
import { goFirst, letHelp, state } from "./first-in-line.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import type { Attack } from "./hostile-clients.ts";
import type { LoadRequest } from "./web-clients.ts";

const ROUNDS = 4;
const PER_SECOND = 100;
const EACH_MS = 3_000;
/** Before the first round, for code that is then compiled. */
const WARM_UP_MS = 1_500;
/** What a harm leaves behind is over by then. */
const REST_MS = 500;
const HOSTILE_PORT = 8_001;
/** As proxies name them. */
const NEIGHBOUR = "203.0.113.8";
const HOSTILE = "203.0.113.7";
const SERVICE = new URL("../fixtures/web-service.ts", import.meta.url).pathname;
/** Answers in the bad way that a path names. */
const HOSTILE_REPLICA = new URL("../fixtures/hostile-replica.ts", import.meta.url).pathname;
const ATTACKS = {
  headers: "a flood of headers",
  "slow-bodies": "200 slow bodies",
  garbage: "garbage, of clients and of a container",
  sockets: "10,000 WebSockets",
} as const satisfies Attacks;
const OF_TERMINALS = { terminal: "a flood of escapes in a terminal" } as const satisfies Attacks;
const OF_REPLICAS = {
  endless: "answers that never end",
  lies: "answers that lie about their length",
  switches: "101 to all that is asked",
} as const satisfies Attacks;

type Attacks = Partial<Record<Attack["what"], string>>;
/** By their names; left out, all. */
type Chosen = { attacks: readonly string[] | undefined };

export async function measureNeighbours(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
  { attacks }: Chosen,
): Promise<void> {
  if (!collectsQuickly) return await again("neighbours", ending, requested(attacks));
  goFirst(ending);
  const scene = ending.adopt(await openWebScene({}, await sceneDatabase(ending), SPARING_MEMORY), (one) =>
    one.close(),
  );
  const terminal = ending.adopt(await TerminalScene.open(), (one) => one.close());
  const flooded = await scene.container.serveFixture(SERVICE, HOSTILE_PORT);
  letHelp([scene.access.program.pid ?? 0]);
  state("follows", flooded.pid);
  const opens = (port: number, address: string) => headers(scene.hostOf(port), scene.owner.key, address);
  const { port } = scene.gateway;
  print(headLine(`p99 of neighbours, ${PER_SECOND} requests a second (${ROUNDS} rounds; aim: 1.25 or 2 ms)`));
  await besideEach(print, ending, {
    head: `GET /say HTTP/1.1\r\n${opens(SERVICE_PORT, NEIGHBOUR)}\r\n`,
    attack: {
      port,
      opens: opens(HOSTILE_PORT, HOSTILE),
      prefix: "",
      terminal: `${terminal.url.replace("http", "ws")}/socket`,
      replica: null,
    },
    attacks: chosenOf({ ...ATTACKS, ...OF_TERMINALS }, attacks),
  });
}

/** The same of services, each in a container of its own. */
export async function measureServiceNeighbours(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
  { attacks }: Chosen,
): Promise<void> {
  if (!collectsQuickly) return await again("service-neighbours", ending, requested(attacks));
  goFirst(ending);
  const scene = ending.adopt(await openWebScene({}, await sceneDatabase(ending), SPARING_MEMORY), (one) =>
    one.close(),
  );
  const quiet = ending.use(await ServedScene.begin(scene, { replicas: 1 }));
  const flooded = ending.use(await ServedScene.begin(scene, { replicas: 1 }));
  const badly = ending.use(await ServedScene.begin(scene, { replicas: 1, serves: HOSTILE_REPLICA }));
  const opens = ({ key }: ServedScene, address: string) => headers(scene.base.domain, key, address);
  const { port } = scene.gateway;
  letHelp([scene.access.program.pid ?? 0]);
  for (const { servicePids } of [...flooded.containers.values(), ...badly.containers.values()])
    for (const pid of servicePids) state("follows", pid);
  print(headLine(`p99 of a service, ${PER_SECOND} requests a second (${ROUNDS} rounds; aim: 1.25 or 2 ms)`));
  await besideEach(print, ending, {
    head: `GET /services/${quiet.id}/say HTTP/1.1\r\n${opens(quiet, NEIGHBOUR)}\r\n`,
    attack: {
      port,
      opens: opens(flooded, HOSTILE),
      prefix: `/services/${flooded.id}`,
      terminal: "",
      replica: { opens: opens(badly, HOSTILE), prefix: `/services/${badly.id}` },
    },
    attacks: chosenOf({ ...ATTACKS, ...OF_REPLICAS }, attacks),
  });
}

function requested(attacks: readonly string[] = []): string[] {
  return attacks.flatMap((one) => ["--harm", one]);
}

function chosenOf(all: Attacks, names: readonly string[] | undefined): Attacks {
  const chosen = Object.entries(all).filter(([what]) => names?.includes(what) ?? true);
  return Object.fromEntries(chosen) as Attacks;
}

function headers(host: string, key: string, address: string): string {
  return `Host: ${host}\r\nX-Api-Key: ${key}\r\nX-Forwarded-For: ${address}\r\n`;
}

async function besideEach(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
  { head, attack, attacks }: { head: string; attack: Omit<Attack, "what">; attacks: Attacks },
): Promise<void> {
  const neighbours = forked("web-clients.ts", ending);
  const hostile = forked("hostile-clients.ts", ending);
  state("measures", neighbours.process.pid);
  state("follows", hostile.process.pid);
  const reported = async (to: typeof hostile, message: LoadRequest | Attack | "stop"): Promise<unknown> => {
    to.process.send(message);
    const [answer] = (await Promise.race([once(to.process, "message"), to.lost])) as [unknown];
    return answer;
  };
  const p99 = async (ms = EACH_MS) => {
    const paced: LoadRequest = { what: "paced", perSecond: PER_SECOND, ms, port: attack.port, head };
    const took = (await reported(neighbours, paced)) as number[];
    return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
  };
  for (const [what, words] of Object.entries(attacks) as [Attack["what"], string][]) {
    const pairs: Pair[] = [];
    const computed: number[] = [];
    const beside = async (ms?: number) => {
      await reported(hostile, { what, ...attack });
      const slowest = await p99(ms);
      await reported(hostile, "stop");
      await delay(REST_MS);
      return slowest;
    };
    await beside(WARM_UP_MS);
    while (pairs.length < ROUNDS) {
      const bare = await p99();
      const before = process.cpuUsage();
      const ours = await beside();
      const { user, system } = process.cpuUsage(before);
      computed.push((user + system) / 1_000 / (EACH_MS / 1_000));
      pairs.push({ ours, bare });
    }
    print(ratioLine(`beside ${words}`, pairs));
    const more = pairs.map(({ ours, bare }) => ours - bare);
    print(valuesLine("  more than without", more, "ms"));
    const without = pairs.map(({ bare }) => bare);
    print(valuesLine("  without", without, "ms"));
    print(valuesLine("  computed each second", computed, "ms"));
  }
}

/** `lost` rejects once it has ended, as it does by itself where it was answered anything but what it asked for. */
function forked(script: string, ending: AsyncDisposableStack) {
  const child = fork(new URL(script, import.meta.url).pathname);
  const lost = once(child, "exit").then((): never => {
    throw new Error(`${script} has ended`);
  });
  lost.catch(() => undefined);
  ending.defer(() => void child.kill("SIGKILL"));
  return { process: child, lost };
}
