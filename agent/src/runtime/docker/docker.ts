/**
 * The connection to the container runtime's HTTP socket (Docker's, or Podman's compatible one). Every call has a
 * deadline, and of each kind of call one is under way, of creations and starts a few: a hung runtime is asked no more
 * until an answer is given up. What the calls mean is in the files beside this one.
 */
import Dockerode from "dockerode";
import type { RuntimeCall } from "../../core/metrics/runtime-calls.ts";
import { RuntimeDown, runtimeFailure } from "./runtime-error.ts";

export const DEFAULT_SOCKET = "/var/run/docker.sock";
/** An answer from memory. */
export const QUICK_MS = 10_000;
/** The runtime works on the disk or sets up a container. */
export const WORK_MS = 60_000;

/** `signal` ends the request when the deadline passes; hand it to every request of the call. */
type Call<T> = (docker: Dockerode, signal: AbortSignal) => Promise<T>;

export class Docker {
  readonly socketPath: string;
  readonly #client: Dockerode;
  readonly #pending = new Map<string, Set<Promise<void>>>();
  readonly #onCall: (call: RuntimeCall) => void;

  /** @param onCall called with each call that has ended, however it did */
  constructor(socketPath: string = DEFAULT_SOCKET, onCall: (call: RuntimeCall) => void = () => undefined) {
    this.socketPath = socketPath;
    this.#onCall = onCall;
    this.#client = new Dockerode({ socketPath });
  }

  /**
   * Runs one call after the others of its kind; waiting for them counts against the deadline.
   * @param what reads on after "cannot": "list containers", "stop rg-…"; also the kind unless one is given
   * @param atOnce how many of its kind may be under way; one unless it is given
   * @throws RuntimeError when the runtime refuses, RuntimeDown when it is not there or too late
   */
  async call<T>(
    what: string,
    options: { deadlineMs: number; kind?: string; atOnce?: number },
    perform: Call<T>,
  ): Promise<T> {
    const begunMs = performance.now();
    const signal = AbortSignal.timeout(options.deadlineMs);
    try {
      return await this.#callInTurn(what, { ...options, signal }, perform);
    } finally {
      this.#onCall({ what, tookMs: performance.now() - begunMs, isTimedOut: signal.aborted });
    }
  }

  async #callInTurn<T>(
    what: string,
    options: { deadlineMs: number; kind?: string; atOnce?: number; signal: AbortSignal },
    perform: Call<T>,
  ): Promise<T> {
    const { kind = what, atOnce = 1, signal } = options;
    const late = new Promise<never>((_resolve, reject) => {
      const giveUp = () =>
        reject(
          new RuntimeDown(`cannot ${what}: the container runtime did not answer in ${options.deadlineMs} ms`),
        );
      signal.addEventListener("abort", giveUp, { once: true });
    });
    // It is raced below; should the race be won before, nobody is left to hear of it.
    late.catch(() => undefined);
    for (let under = this.#pending.get(kind); (under?.size ?? 0) >= atOnce; under = this.#pending.get(kind))
      await Promise.race([...(under ?? []), late]);
    // Given up is over, too: not every request of the library can be ended, and one that hangs would block its kind.
    const outcome = Promise.race([perform(this.#client, signal), late]);
    this.#occupy(kind, outcome);
    try {
      return await outcome;
    } catch (cause) {
      throw runtimeFailure(what, cause);
    }
  }

  #occupy(kind: string, outcome: Promise<unknown>): void {
    const pending = this.#pending.get(kind) ?? new Set();
    this.#pending.set(kind, pending);
    const settled: Promise<void> = outcome
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => {
        pending.delete(settled);
        if (pending.size === 0) this.#pending.delete(kind);
      });
    pending.add(settled);
  }
}
