/**
 * A test that failed before its clean-up may leave processes behind, and those keep the runner and whoever reads its
 * output waiting for ever. Once all is told, they are named and ended with the run, which then has failed.
 */
import type { Reporter } from "vitest/node";
import { killProcessesIn } from "../containers/leftovers.ts";

/** What the servers of the suite and the runner itself need to end in order. */
const ENDED_WITHIN_MS = 60_000;

export class NoEndlessRun implements Reporter {
  readonly #mark: string;

  /** `mark` is found in the environment of every process of the run. */
  constructor(mark: string) {
    this.#mark = mark;
  }

  onTestRunEnd(): void {
    setTimeout(() => this.#endAll(), ENDED_WITHIN_MS).unref();
  }

  #endAll(): void {
    for (const command of killProcessesIn(this.#mark))
      process.stdout.write(`left behind by a test: ${command}\n`);
    process.exit(1);
  }
}
