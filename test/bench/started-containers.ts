/**
 * The moments at which containers began to run, for ours and for bare ones by the same event of the runtime: it is
 * sent when `docker inspect` begins to say Running. Moments are those of arrival here, on one clock.
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { z } from "zod";
import { docker } from "../support/containers/docker.ts";

const START_WITHIN_MS = 60_000;

const StartEvent = z.object({ Actor: z.object({ Attributes: z.record(z.string(), z.string()) }) });

type Wait = { label: string; value: string; left: number; resolve: (atMs: number) => void };

export class StartedContainers implements Disposable {
  readonly #stream: NodeJS.ReadableStream;
  readonly #waits = new Set<Wait>();

  private constructor(stream: NodeJS.ReadableStream) {
    this.#stream = stream;
    createInterface({ input: new Readable().wrap(stream) }).on("line", (text) => this.#onEvent(text));
  }

  static async watch(): Promise<StartedContainers> {
    const filters = JSON.stringify({ type: ["container"], event: ["start"] });
    return new StartedContainers(await docker.getEvents({ filters }));
  }

  /** Resolves with the moment at which the next container of that label runs, or so many of them do. Call before the order. */
  next(label: string, value: string, count = 1): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(`not all of ${count} containers of ${label}=${value} ran within ${START_WITHIN_MS} ms`),
          ),
        START_WITHIN_MS,
      );
      const wait: Wait = {
        label,
        value,
        left: count,
        resolve: (atMs) => {
          clearTimeout(timer);
          this.#waits.delete(wait);
          resolve(atMs);
        },
      };
      this.#waits.add(wait);
    });
  }

  [Symbol.dispose](): void {
    if (this.#stream instanceof Readable) this.#stream.destroy();
  }

  #onEvent(text: string): void {
    const atMs = performance.now();
    const { Attributes: labels } = StartEvent.parse(JSON.parse(text)).Actor;
    for (const wait of this.#waits) {
      if (labels[wait.label] !== wait.value) continue;
      wait.left -= 1;
      if (wait.left === 0) wait.resolve(atMs);
    }
  }
}
