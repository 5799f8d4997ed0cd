/**
 * The one way a loop runs: woken or after a slow poll, one pass at a time, and the one place where a failed pass is
 * caught. Being woken during a pass means another one after it, so no wake is ever lost. Each pass has a trace of its own,
 * or continues that of the one request that woke it.
 */
import assert from "node:assert/strict";
import type { Log } from "@remotegpu/shared/log";
import { currentTrace, inTrace, outsideOfTraces } from "@remotegpu/shared/tracing/current-trace";
import { WakingTrace } from "@remotegpu/shared/tracing/waking-trace";

const MAX_BACKOFF_MS = 30_000;
const FIRST_BACKOFF_MS = 500;

export interface Loop {
  readonly name: string;
  /** Without a wake a pass begins this often. */
  readonly everyMs: number;
  /** True where it works only in the server that leads; in others its passes are empty. */
  readonly isLed?: boolean;
  /** Names of the loops that look again at once where a pass answers true. */
  readonly wakes?: readonly string[];
  readonly pass: () => Promise<boolean | void>;
}

export interface RunningLoop {
  /** Look again soon. */
  wake(): void;
  /** Resolves when the pass in hand has ended; no other begins. */
  stop(): Promise<void>;
}

export interface RunningLoops {
  wake(names: readonly string[]): void;
  /** Resolves when all have stopped, one after the other, the last of the table first. */
  stop(): Promise<void>;
}

export function startLoops(table: readonly Loop[], log: Log): RunningLoops {
  const running = new Map<string, RunningLoop>();
  const wake = (names: readonly string[]): void => {
    for (const name of names) {
      const loop = running.get(name);
      assert(loop !== undefined, `there is no loop ${name} to be woken`);
      loop.wake();
    }
  };
  for (const { name, everyMs, wakes = [], pass } of table) {
    const wakingPass = async (): Promise<void> => {
      if ((await pass()) === true) wake(wakes);
    };
    running.set(name, startLoop({ name, everyMs, pass: wakingPass, log }));
  }
  return {
    wake,
    async stop() {
      for (const loop of [...running.values()].reverse()) await loop.stop();
    },
  };
}

export function startLoop({
  name,
  everyMs,
  pass,
  log,
}: Pick<Loop, "name" | "everyMs"> & { pass: () => Promise<void>; log: Log }): RunningLoop {
  const ending = new AbortController();
  let woken = false;
  let failures = 0;
  let endPause: () => void = () => undefined;
  const waking = new WakingTrace();

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const attempt = async (): Promise<void> => {
    try {
      await pass();
      failures = 0;
    } catch (error) {
      failures += 1;
      log.error({ error, loop: name, failures }, "a pass failed; it is tried again");
    }
  };

  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      woken = false;
      await inTrace(waking.begin(), attempt);
      if (ending.signal.aborted) return;
      // A failing pass is not made to fail faster by being woken.
      if (failures > 0) await pause(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1)));
      else if (!woken) await pause(everyMs);
    }
  };

  const running = outsideOfTraces(run);
  return {
    wake() {
      woken = true;
      waking.note(currentTrace());
      if (failures === 0) endPause();
    },
    async stop() {
      ending.abort();
      endPause();
      await running;
    },
  };
}
