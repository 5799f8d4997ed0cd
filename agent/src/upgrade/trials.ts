/**
 * What a new version shows before anything is changed, with its own Node and beside the running one: that it works on this
 * host (`self-test`), and that it sees what the running one sees and would do nothing (`observe`).
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";

const SELF_TEST_MS = 60_000;
const OBSERVE_MS = 120_000;
/** An order that is carried out just then is seen by one of them and not by the other. */
const TRIES = 3;
const PAUSE_MS = 5_000;
const MAX_WHY = 300;

export class Trials {
  readonly #pauseMs: number;

  constructor({ pauseMs = PAUSE_MS }: { pauseMs?: number } = {}) {
    this.#pauseMs = pauseMs;
  }

  /** @returns why it must not be switched to; null: it may. */
  async selfTest(folder: string): Promise<HostReason | null> {
    const why = await this.#why(folder, ["self-test"], SELF_TEST_MS);
    return why === null ? null : { code: "upgrade-self-test-failed", params: { why } };
  }

  /** Whether the journal is whole on the disk, whatever the agent that writes it remembers. @returns why not; null: it is. */
  async journal(folder: string): Promise<HostReason | null> {
    const why = await this.#why(folder, ["self-test", "--journal"], SELF_TEST_MS);
    return why === null ? null : { code: "upgrade-self-test-failed", params: { why } };
  }

  /** @returns why it must not be switched to; null: it may. */
  async observe(folder: string): Promise<HostReason | null> {
    const why = await this.#why(folder, ["observe", "--ticks", "3"], OBSERVE_MS);
    return why === null ? null : { code: "upgrade-plan-differs", params: { why } };
  }

  async #why(folder: string, command: readonly string[], withinMs: number): Promise<string | null> {
    let why: string | null = null;
    for (let tried = 0; tried < TRIES; tried += 1) {
      if (tried > 0) await delay(this.#pauseMs);
      why = await run(folder, command, withinMs);
      if (why === null) return null;
    }
    return why;
  }
}

async function run(folder: string, command: readonly string[], withinMs: number): Promise<string | null> {
  const done = await execa(join(folder, "node"), [join(folder, "agent.mjs"), ...command], {
    reject: false,
    all: true,
    stdin: "ignore",
    timeout: withinMs,
    killSignal: "SIGKILL",
    maxBuffer: 4_000_000,
  });
  if (done.exitCode === 0) return null;
  if (done.timedOut) return `it did not end within ${withinMs / 1_000} s`;
  const last = done.all?.trim().split("\n").at(-1) ?? "";
  return (last === "" ? `it ended with ${done.exitCode ?? done.signal ?? "nothing"}` : last).slice(
    0,
    MAX_WHY,
  );
}
