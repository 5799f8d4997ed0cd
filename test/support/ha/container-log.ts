/** When each run's container ran, by the container runtime's own events: nothing of the product's is asked. */
import type { Readable } from "node:stream";
import { docker } from "../containers/docker.ts";

const NS_PER_MS = 1_000_000;

interface RuntimeEvent {
  Action: string;
  timeNano: number;
  Actor: { Attributes: Record<string, string> };
}

export interface RunOfContainer {
  runId: string;
  hostId: string;
  instanceId: string;
  /** Each start and, once it is known, the end that followed; ms since the epoch. */
  spans: { fromMs: number; toMs: number | null }[];
  kills: number[];
}

export class ContainerLog {
  readonly #stream: Readable;
  readonly #runs = new Map<string, RunOfContainer>();
  #text = "";

  private constructor(stream: Readable) {
    this.#stream = stream;
    stream.setEncoding("utf8").on("data", (text: string) => this.#take(text));
  }

  /** From now on. */
  static async open(): Promise<ContainerLog> {
    const filters = JSON.stringify({
      type: ["container"],
      event: ["start", "kill", "die"],
      label: ["remotegpu.run"],
    });
    return new ContainerLog((await docker.getEvents({ filters })) as Readable);
  }

  get runs(): readonly RunOfContainer[] {
    return [...this.#runs.values()];
  }

  close(): void {
    this.#stream.destroy();
  }

  #take(text: string): void {
    const lines = (this.#text + text).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines.filter(Boolean)) this.#note(JSON.parse(line) as RuntimeEvent);
  }

  #note({ Action, timeNano, Actor: { Attributes } }: RuntimeEvent): void {
    const runId = Attributes["remotegpu.run"] ?? "";
    const hostId = Attributes["remotegpu.host"] ?? "";
    const instanceId = Attributes["remotegpu.instance"] ?? "";
    const run = this.#runs.get(runId) ?? { runId, hostId, instanceId, spans: [], kills: [] };
    this.#runs.set(runId, run);
    const atMs = timeNano / NS_PER_MS;
    if (Action === "start") run.spans.push({ fromMs: atMs, toMs: null });
    else if (Action === "kill") run.kills.push(atMs);
    else for (const span of run.spans) span.toMs ??= atMs;
  }
}

/** How long it has run by now, in ms. */
export function ranMs({ spans }: RunOfContainer, nowMs: number): number {
  return spans.reduce((sum, { fromMs, toMs }) => sum + (toMs ?? nowMs) - fromMs, 0);
}

/** The fewest of these runs that ran at once, at any moment from then until now. */
export function fewestAtOnce(runs: readonly RunOfContainer[], fromMs: number, nowMs: number): number {
  const spans = runs.flatMap((run) => run.spans);
  const runningAt = (ms: number) =>
    spans.filter((span) => span.fromMs <= ms && (span.toMs === null || span.toMs > ms)).length;
  const moments = spans.flatMap(({ toMs }) => (toMs !== null && toMs >= fromMs ? [toMs] : []));
  return Math.min(...[fromMs, nowMs, ...moments].map(runningAt));
}
