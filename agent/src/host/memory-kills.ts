/**
 * Which containers the kernel killed for their memory, by its own log. The runtime hears of it as well, but its word
 * gets lost where it comes together with the container's end. The log is read only when somebody asks.
 */
import type { Log } from "@remotegpu/shared/log";
import { kernelLineOf } from "../core/host/kernel-line.ts";
import { parseMemoryKill } from "../core/host/memory-kill-line.ts";
import { KernelLog } from "./kernel-log.ts";

/** Far more than are asked about at a time; beyond it the oldest are forgotten. */
export const MAX_KNOWN_KILLS = 1_000;

export class MemoryKills {
  readonly #kernelLog: KernelLog;
  readonly #log: Log;
  /** Ids of containers, the latest kill last. */
  readonly #killed = new Set<string>();
  #listening: Promise<void> = Promise.resolve();
  #isDeaf = false;

  constructor(path: string, log: Log) {
    this.#kernelLog = new KernelLog(path);
    this.#log = log;
  }

  /**
   * Whether the log tells of a kill. No is no proof: the log may be forbidden or overwritten, and of many kills within
   * a few seconds the kernel names the containers of the first ones only.
   */
  async wereIn(containerId: string): Promise<boolean> {
    if (!this.#killed.has(containerId)) await this.#listen();
    return this.#killed.has(containerId);
  }

  /** Before a container starts again: what was logged up to now says nothing of how it will end the next time. */
  async forget(containerId: string): Promise<void> {
    await this.#listen();
    this.#killed.delete(containerId);
  }

  /** From then on only what is known already is told. */
  async close(): Promise<void> {
    this.#listening = this.#listening.then(() => this.#kernelLog.close());
    await this.#listening;
  }

  /** One reader at a time: who asks while another reads looks after it, at what came since. */
  async #listen(): Promise<void> {
    const heard = this.#listening.then(() => this.#hear());
    this.#listening = heard.catch(() => undefined);
    await heard;
  }

  async #hear(): Promise<void> {
    const lines = await this.#newLines();
    if (lines === null && !this.#isDeaf)
      this.#log.warn(
        { path: this.#kernelLog.path },
        "the kernel log cannot be read: that a container was beyond its memory is known from the runtime only",
      );
    this.#isDeaf = lines === null;
    for (const line of lines ?? []) {
      const containerId = parseMemoryKill(kernelLineOf(line));
      if (containerId !== null) this.#keep(containerId);
    }
  }

  /** A log that fails is one that says nothing: how a container ended must be told all the same. */
  async #newLines(): Promise<string[] | null> {
    try {
      return await this.#kernelLog.newLines();
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      if (!this.#isDeaf) this.#log.warn({ error }, "the kernel log fails");
      return null;
    }
  }

  #keep(containerId: string): void {
    this.#killed.delete(containerId);
    this.#killed.add(containerId);
    const [oldest] = this.#killed;
    if (this.#killed.size > MAX_KNOWN_KILLS && oldest !== undefined) this.#killed.delete(oldest);
  }
}
