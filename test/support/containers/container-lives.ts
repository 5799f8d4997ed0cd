/**
 * The runtime's own event log of containers with a label: how long each run's containers were there, by the moments that the
 * runtime writes on its events. It is followed while they run, since the runtime keeps only its last few hundred events.
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { z } from "zod";
import { docker } from "./docker.ts";

const NS_PER_MS = 1_000_000n;

/** `timeNano` is beyond what a number holds exactly, so it is read from the text. */
const LifeEvent = z.object({
  Action: z.enum(["start", "die"]),
  Actor: z.object({ Attributes: z.record(z.string(), z.string()) }),
});

export class ContainerLives implements Disposable {
  readonly #stream: Readable;
  readonly #label: string;
  /** Of each run its starts and ends in whole milliseconds, as they came. */
  readonly #events = new Map<string, { action: "start" | "die"; atMs: number }[]>();

  private constructor(stream: NodeJS.ReadableStream, label: string) {
    this.#label = label;
    this.#stream = new Readable().wrap(stream);
    createInterface({ input: this.#stream }).on("line", (line) => this.#onEvent(line));
  }

  /** @param label whose values name the runs */
  static async follow(label: string): Promise<ContainerLives> {
    const filters = JSON.stringify({ type: ["container"], event: ["start", "die"], label: [label] });
    return new ContainerLives(await docker.getEvents({ filters }), label);
  }

  /** How long the only container of a run was there. @throws Error unless it was started once and has ended once */
  lifeMs(run: string): number {
    const [started, died, ...more] = this.#events.get(run) ?? [];
    if (started?.action !== "start" || died?.action !== "die" || more.length > 0)
      throw new Error(`run ${run}: ${JSON.stringify(this.#events.get(run) ?? [])}`);
    return died.atMs - started.atMs;
  }

  [Symbol.dispose](): void {
    this.#stream.destroy();
  }

  #onEvent(line: string): void {
    const [, nanoseconds] = /"timeNano":(\d+)/.exec(line) ?? [];
    if (nanoseconds === undefined) throw new Error(`an event without its time: ${line}`);
    const { Action: action, Actor } = LifeEvent.parse(JSON.parse(line));
    const run = Actor.Attributes[this.#label] ?? "";
    const atMs = Number(BigInt(nanoseconds) / NS_PER_MS);
    this.#events.set(run, [...(this.#events.get(run) ?? []), { action, atMs }]);
  }
}
