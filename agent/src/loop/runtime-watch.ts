/**
 * What the loop knows of the container runtime: its containers as last seen and what it can do. Asked with a short
 * patience: a runtime that hangs leaves the loop in the dark, and heartbeats and metering go on.
 */
import type { Log } from "@remotegpu/shared/log";
import type { Container } from "../core/container.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { RuntimeDown, RuntimeError } from "../runtime/runtime-error.ts";
import type { RuntimeInfo } from "../runtime/runtime-info.ts";

const INFO_EVERY_MS = 60_000;
/** The runtime's times of ends are trusted when it was seen alive not longer ago than this. */
const UP_SINCE_MS = 30_000;

export class RuntimeWatch {
  readonly #runtime: Runtime;
  readonly #log: Log;
  #info: RuntimeInfo | null = null;
  #infoMs = Number.NEGATIVE_INFINITY;
  #listing: Promise<Container[] | null> | null = null;
  #lastSeenMs: number | null = null;
  #isDown = false;

  constructor(runtime: Runtime, log: Log) {
    this.#runtime = runtime;
    this.#log = log;
  }

  get info(): RuntimeInfo | null {
    return this.#info;
  }

  get degraded(): string[] {
    if (this.#isDown) return ["runtime-down"];
    return this.#info?.liveRestore === false ? ["no-live-restore"] : [];
  }

  /** Every container of ours, or null when the runtime does not tell within the patience. */
  async containers(
    nowMs: number,
    patienceMs: number,
  ): Promise<{ seen: Container[] | null; wasUpSinceMs: number | null }> {
    const wasUpSinceMs =
      this.#lastSeenMs !== null && nowMs - this.#lastSeenMs <= UP_SINCE_MS ? this.#lastSeenMs : null;
    this.#listing ??= this.#list().finally(() => {
      this.#listing = null;
    });
    const seen = await Promise.race([this.#listing, after(patienceMs)]);
    if (seen !== null) this.#lastSeenMs = nowMs;
    return { seen, wasUpSinceMs };
  }

  /** Learns once a minute what the runtime can do. */
  async learn(nowMs: number): Promise<void> {
    if (nowMs - this.#infoMs < INFO_EVERY_MS) return;
    this.#infoMs = nowMs;
    const isFirst = this.#info === null;
    this.#info = (await this.#orDown(() => this.#runtime.info())) ?? this.#info;
    if (isFirst && this.#info?.liveRestore === false)
      this.#log.warn({}, "the container runtime has no live-restore: restarting it ends every container");
  }

  async #list(): Promise<Container[] | null> {
    return this.#orDown(() => this.#runtime.list());
  }

  async #orDown<T>(ask: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await ask();
      if (this.#isDown) this.#log.info({}, "the container runtime answers again");
      this.#isDown = false;
      return answer;
    } catch (error) {
      if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
      if (!this.#isDown) this.#log.warn({ error }, "the container runtime does not answer");
      this.#isDown = true;
      return null;
    }
  }
}

async function after(ms: number): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), ms).unref();
  });
}
