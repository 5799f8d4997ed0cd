/**
 * The relay as a child of this process: started, started again when it ends, and ended with this one. What it says is parsed,
 * and one that says nonsense is ended. What is said to it, and what its words mean, is relay-process.ts.
 */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import type { Log } from "@remotegpu/shared/log";
import { asSendable, type ListenerHandle } from "../relay/listener-handle.ts";
import { FromRelay, type ToRelay } from "../relay/relay-messages.ts";
import { RelayError } from "./relay-handlers.ts";

/** In a checkout the relay's own main, in a bundle a file beside this one. */
const RELAY = import.meta.filename.endsWith(".mjs")
  ? join(import.meta.dirname, "access-relay.mjs")
  : join(import.meta.dirname, "../relay/main.ts");
const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
/** One that has run for so long starts again at once. */
const STEADY_MS = 60_000;
const END_WITHIN_MS = 2_000;

/** All that it says but that it is ready. */
export type RelayEvent = Exclude<FromRelay, { kind: "ready" }>;

export class RelayChild {
  readonly #onReady: () => void;
  readonly #onMessage: (message: RelayEvent, handle: unknown) => void;
  readonly #onEnded: () => void;
  readonly #log: Log;
  #child: ChildProcess | null = null;
  #isReady = false;
  #isEnding = false;
  #failures = 0;
  #startedMs = 0;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: {
    onReady: () => void;
    onMessage: (message: RelayEvent, handle: unknown) => void;
    /** By itself or not; another one follows unless it was to end. */
    onEnded: () => void;
    log: Log;
  }) {
    this.#onReady = options.onReady;
    this.#onMessage = options.onMessage;
    this.#onEnded = options.onEnded;
    this.#log = options.log;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Null while there is none that is ready. */
  get pid(): number | null {
    return this.#isReady ? (this.#child?.pid ?? null) : null;
  }

  /** Another one for each that is started; null while nothing can be said to any. */
  get life(): object | null {
    return this.#child?.connected === true ? this.#child : null;
  }

  start(): void {
    if (this.#child !== null) return;
    // An upgrade takes the files of older versions away; a new process of this one's unit starts from the new ones.
    if (!existsSync(RELAY)) {
      this.#log.error({ file: RELAY }, "the relay's code is gone: this process ends and is started anew");
      process.exit(1);
    }
    this.#startedMs = performance.now();
    const { NODE_OPTIONS, MALLOC_ARENA_MAX } = process.env;
    const child = fork(RELAY, [], {
      // In a process group of its own, so that a signal to the terminal's group does not reach it.
      detached: true,
      env: {
        ...(NODE_OPTIONS !== undefined && { NODE_OPTIONS }),
        ...(MALLOC_ARENA_MAX !== undefined && { MALLOC_ARENA_MAX }),
      },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child = child;
    child.on("message", (message, handle) => this.#take(child, message, handle));
    child.once("error", (error) => this.#log.error({ error }, "the relay could not be started"));
    child.once("exit", (code, signal) => this.#ended(child, `${code ?? signal}`));
  }

  /** Its end is seen by itself; what was meant for it is said to the next one. @param sent whether or not it got it */
  send(message: ToRelay, handle?: Socket | Server, sent: () => void = () => undefined): void {
    if (this.#child === null) return sent();
    this.#child.send(message, handle, (error) => {
      if (error !== null) this.#log.warn({ error }, "the relay did not get a message");
      sent();
    });
  }

  /** Gives it a listening socket, which is used up. @throws RelayError, and the system's error */
  async give(message: ToRelay, handle: ListenerHandle): Promise<void> {
    const child = this.#child;
    try {
      if (child === null || !this.#isReady) throw new RelayError("there is no relay");
      await new Promise<void>((resolve, reject) => {
        child.send(message, asSendable(handle), (error) => (error === null ? resolve() : reject(error)));
      });
    } finally {
      handle.close();
    }
  }

  /** Resolves when it has ended. */
  async end(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null) return;
    // Not "close": that never comes for a child whose channel was closed from here.
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), END_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  }

  #take(child: ChildProcess, raw: unknown, handle: unknown): void {
    const parsed = FromRelay.safeParse(raw);
    if (!parsed.success) {
      this.#log.error(
        { reason: parsed.error.issues[0]?.message },
        "the relay sent a malformed message and is ended",
      );
      child.kill("SIGKILL");
      return;
    }
    if (parsed.data.kind !== "ready") return this.#onMessage(parsed.data, handle);
    this.#isReady = true;
    this.#log.info({ pid: child.pid }, "the relay runs, as nobody");
    this.#onReady();
  }

  #ended(child: ChildProcess, how: string): void {
    if (child !== this.#child) return;
    this.#child = null;
    this.#isReady = false;
    this.#onEnded();
    if (this.#isEnding) return;
    this.#failures = performance.now() - this.#startedMs > STEADY_MS ? 0 : this.#failures + 1;
    const backoffMs = Math.min(FIRST_RESTART_MS * 2 ** this.#failures, LONGEST_RESTART_MS);
    this.#log.error({ how, restMs: backoffMs }, "the relay has ended and is started again");
    this.#restart = setTimeout(() => this.start(), backoffMs);
  }
}
