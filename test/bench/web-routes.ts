/** Ways to one and the same web server, measured in turns by clients that have a process; and what the gateway takes meanwhile. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { valuesLine } from "./comparison.ts";
import type { LoadRequest } from "./web-clients.ts";

export const CLIENTS = 16;
export const PACED_PER_SECOND = 300;
const EACH_MS = 2_000;
/** Rounds before the first that is measured: what is asked for the first time is still being compiled. */
const UNMEASURED = 3;
const MIB = 1_048_576;
const CLIENTS_SCRIPT = new URL("web-clients.ts", import.meta.url).pathname;

export interface Route {
  port: number;
  /** Each with its line end. */
  headers: string;
  /** What stands before each path. */
  prefix?: string;
}

/** What one answer cost, in µs of all cores. */
export interface Cost {
  gatewayUs: number;
  relayUs: number;
}

export function headOf({ headers, prefix = "" }: Route, path: string, more = ""): string {
  return `GET ${prefix}${path} HTTP/1.1\r\n${headers}${more}\r\n`;
}

export class WebClients {
  readonly #process = fork(CLIENTS_SCRIPT);

  constructor(ending: AsyncDisposableStack) {
    ending.defer(() => void this.#process.kill("SIGKILL"));
  }

  async request(request: LoadRequest): Promise<unknown> {
    this.#process.send(request);
    const [reported] = (await once(this.#process, "message")) as [unknown];
    return reported;
  }

  /** Answers a second. */
  async rate(route: Route, path = "/say"): Promise<number> {
    const head = headOf(route, path);
    return Number(
      await this.request({ what: "rate", clients: CLIENTS, ms: EACH_MS, port: route.port, head }),
    );
  }

  /** Of a way through the gateway of this process, and what each answer cost here and in the host's relay. */
  async rateAndCost(route: Route, relayPid: number, path?: string): Promise<Cost & { perSecond: number }> {
    const beganMs = performance.now();
    const [here, there] = [process.cpuUsage(), cpuMsOf(relayPid)];
    const perSecond = await this.rate(route, path);
    const answers = (perSecond * (performance.now() - beganMs)) / 1_000;
    const { user, system } = process.cpuUsage(here);
    return {
      perSecond,
      gatewayUs: (user + system) / answers,
      relayUs: ((cpuMsOf(relayPid) - there) * 1_000) / answers,
    };
  }

  /** The slowest of a hundred, in milliseconds. */
  async p99(route: Route): Promise<number> {
    const request = { what: "paced", perSecond: PACED_PER_SECOND, ms: EACH_MS } as const;
    const took = (await this.request({
      ...request,
      port: route.port,
      head: headOf(route, "/say"),
    })) as number[];
    return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
  }

  /** MiB that this process has grown by while so many are open and say nothing more. */
  async memoryOfIdle(count: number, { port, head }: { port: number; head: string }): Promise<number> {
    collectGarbage();
    const before = process.memoryUsage().rss;
    await this.request({ what: "sockets", count, port, head });
    collectGarbage();
    return (process.memoryUsage().rss - before) / MIB;
  }
}

/** All of them, one after another, in each round. */
export async function inTurns<Name extends string>(
  routes: Readonly<Record<Name, Route>>,
  rounds: number,
  measure: (route: Route) => Promise<number>,
): Promise<Record<Name, number>[]> {
  const names = Object.keys(routes) as Name[];
  for (let round = 0; round < UNMEASURED; round += 1) for (const name of names) await measure(routes[name]);
  const reported: Record<Name, number>[] = [];
  while (reported.length < rounds) {
    const round: Partial<Record<Name, number>> = {};
    for (const name of names) round[name] = await measure(routes[name]);
    reported.push(round as Record<Name, number>);
  }
  return reported;
}

/** @param costs of all rounds, the unmeasured ones among them */
export function costLines(costs: readonly Cost[]): string[] {
  const measured = costs.slice(UNMEASURED);
  return [
    valuesLine(
      "  CPU time of the gateway for each",
      measured.map(({ gatewayUs }) => gatewayUs),
      "µs",
    ),
    valuesLine(
      "  CPU time of the host's relay for each",
      measured.map(({ relayUs }) => relayUs),
      "µs",
    ),
  ];
}

/**
 * Else what was held by others meanwhile stands for what is held now. To the end, so that pages go back to the system: what
 * the heap keeps of them is as much as there was at the busiest moment before, and new things find room there unseen.
 */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") return;
  for (let round = 0; round < 3; round += 1)
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

/** What a process has computed, all its threads together. */
function cpuMsOf(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}
