/**
 * What the loop knows of the container runtime: its containers as last seen and what it can do. Asked with a short
 * patience: a runtime that hangs leaves the loop in the dark, and heartbeats and metering go on.
 */
import type { Log } from "@remotegpu/shared/log";
import type { Container } from "../../core/container/container.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { RuntimeDown, RuntimeError } from "../../runtime/docker/runtime-error.ts";
import type { RuntimeInfo } from "../../runtime/docker/runtime-info.ts";

const INFO_EVERY_MS = 60_000;
export const NO_LIVE_RESTORE =
  'the container runtime has no live-restore: restarting it ends every container; set "live-restore": true in /etc/docker/daemon.json and reload it';
/** Seen twice within this time, the runtime is taken to have been up all the while. */
export const LONGEST_UNSEEN_MS = 30_000;

export type ContainersSnapshot = {
  seen: Container[] | null;
  mark: number;
  /** Since when it was up, before this look; null when it was not, or not to be told. Its times since are trusted. */
  wasUpSinceMs: number | null;
};

export class RuntimeWatch {
  readonly #runtime: Runtime;
  readonly #log: Log;
  #info: RuntimeInfo | null = null;
  #infoMs = Number.NEGATIVE_INFINITY;
  #listing: { mark: number; answer: Promise<Container[] | null> } | null = null;
  #lastSeenMs = Number.NEGATIVE_INFINITY;
  #upSinceMs: number | null = null;
  #isDown = false;

  constructor(runtime: Runtime, log: Log) {
    this.#runtime = runtime;
    this.#log = log;
  }

  get info(): RuntimeInfo | null {
    return this.#info;
  }

  /** It refuses or did not answer within its deadline; merely slow is not down. */
  get isDown(): boolean {
    return this.#isDown;
  }

  get degraded(): string[] {
    if (this.#isDown) return ["runtime-down"];
    return this.#info?.liveRestore === false ? ["no-live-restore"] : [];
  }

  /**
   * Every container of ours, or null when the runtime does not tell within the patience. The answer may be to a
   * question of an earlier round; `mark` is the one that this question was asked with.
   */
  async containers(
    nowMs: number,
    { patienceMs, mark }: { patienceMs: number; mark: number },
  ): Promise<ContainersSnapshot> {
    this.#listing ??= { mark, answer: this.#list().finally(() => (this.#listing = null)) };
    const { answer, mark: requestedWith } = this.#listing;
    const seen = await Promise.race([answer, after(patienceMs)]);
    if (nowMs - this.#lastSeenMs > LONGEST_UNSEEN_MS) this.#upSinceMs = null;
    const wasUpSinceMs = this.#upSinceMs;
    if (seen !== null) {
      this.#lastSeenMs = nowMs;
      this.#upSinceMs ??= nowMs;
    }
    return { seen, mark: requestedWith, wasUpSinceMs };
  }

  /** Learns once a minute what the runtime can do; never waits for it. */
  learnWhenDue(nowMs: number): void {
    if (nowMs - this.#infoMs < INFO_EVERY_MS) return;
    void this.learn(nowMs).catch((error: unknown) => {
      this.#log.warn({ error }, "the container runtime's info is malformed");
    });
  }

  /** Bounded by the call's own deadline. */
  async learn(nowMs: number): Promise<void> {
    this.#infoMs = nowMs;
    const before = this.#info;
    this.#info = (await this.#orDown(() => this.#runtime.info())) ?? this.#info;
    if (this.#info === null || this.#info.liveRestore === before?.liveRestore) return;
    const { name, version, liveRestore } = this.#info;
    if (!liveRestore) this.#log.error({ name, version }, NO_LIVE_RESTORE);
    else if (before !== null)
      this.#log.info({ name, version }, "restarting the container runtime ends no container any more");
  }

  async #list(): Promise<Container[] | null> {
    return this.#orDown(() => this.#runtime.list());
  }

  async #orDown<T>(request: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await request();
      if (this.#isDown) {
        this.#log.info({}, "the container runtime answers again");
        // It may be another version by now, or set otherwise.
        this.#infoMs = Number.NEGATIVE_INFINITY;
      }
      this.#isDown = false;
      return answer;
    } catch (error) {
      if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
      if (!this.#isDown) this.#log.warn({ error }, "the container runtime does not answer");
      this.#isDown = true;
      this.#upSinceMs = null;
      return null;
    }
  }
}

async function after(ms: number): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), ms).unref();
  });
}
