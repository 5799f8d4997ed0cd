/**
 * What the images of running containers bring, looked for once for each image, in the first container of it that is seen
 * running; nobody waits for it. A restart of the agent looks anew, and what was installed in that container meanwhile then
 * counts as the image's.
 */
import { AssertionError } from "node:assert";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { OwnedContainer } from "../../core/container/container.ts";
import type { Runtime } from "../../runtime/runtime.ts";

/** Beyond it the one that was looked at first is forgotten, and looked at again should it be needed. */
const MAX_IMAGES = 256;
const REST_AFTER_FAILURE_MS = MS_PER_MINUTE;

export class BroughtWatch {
  readonly #runtime: Pick<Runtime, "broughtBy">;
  readonly #wake: () => void;
  readonly #log: Log;
  readonly #brought = new Map<string, readonly string[]>();
  #isChecking = false;
  #backoffUntilMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(parts: { runtime: Pick<Runtime, "broughtBy">; wake: () => void; log: Log }) {
    this.#runtime = parts.runtime;
    this.#wake = parts.wake;
    this.#log = parts.log;
  }

  /** By image id. */
  get brought(): ReadonlyMap<string, readonly string[]> {
    return this.#brought;
  }

  /** One image at a time. Resolves when what was begun is done; after a failure it rests for a minute. */
  async check(running: readonly OwnedContainer[], nowMs: number): Promise<void> {
    if (this.#isChecking || nowMs < this.#backoffUntilMs) return;
    const next = running.find(({ imageId }) => imageId !== undefined && !this.#brought.has(imageId));
    if (next?.imageId === undefined) return;
    this.#isChecking = true;
    try {
      const words = await this.#runtime.broughtBy(next.containerId);
      if (words === null) return;
      this.#isFailing = false;
      this.#keep(next.imageId, words);
      this.#wake();
    } catch (error) {
      // Whatever a runtime answers, nothing else hangs on it.
      if (error instanceof AssertionError) throw error;
      this.#backoffUntilMs = nowMs + REST_AFTER_FAILURE_MS;
      if (!this.#isFailing) this.#log.warn({ error }, "an image could not be inspected");
      this.#isFailing = true;
    } finally {
      this.#isChecking = false;
    }
  }

  #keep(imageId: string, words: readonly string[]): void {
    const [oldest] = this.#brought.keys();
    if (this.#brought.size >= MAX_IMAGES && oldest !== undefined) this.#brought.delete(oldest);
    this.#brought.set(imageId, words);
  }
}
