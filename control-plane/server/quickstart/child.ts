/**
 * One of our processes under `npm start`: in its own process group, so that Ctrl-C reaches us first and we end them
 * in order, with a log file, and with a pipe on its standard input whose closing ends it if we are killed.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { spawn, type ChildProcess } from "node:child_process";
import { StartError } from "./start-error.ts";

const LOG_TAIL_LINES = 8;

interface ChildOptions {
  name: string;
  args: string[];
  env: Record<string, string>;
  logFile: string;
  onEnd: () => void;
}

export class Child {
  readonly #options: ChildOptions;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #isEnded = false;

  constructor(options: ChildOptions) {
    this.#options = options;
    const log = openSync(options.logFile, "a", 0o600);
    this.#process = spawn(process.execPath, options.args, {
      detached: true,
      stdio: ["pipe", log, log],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, LANG: process.env.LANG, ...options.env },
    });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#isEnded = true;
        options.onEnd();
        resolve();
      };
      this.#process.once("exit", end);
      this.#process.once("error", end);
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** Another life of the same. */
  again(): Child {
    return new Child(this.#options);
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** What it said last, for the one line that explains a failure. */
  lastWords(): string {
    return readFileSync(this.#options.logFile, "utf8")
      .trimEnd()
      .split("\n")
      .slice(-LOG_TAIL_LINES)
      .join("\n");
  }

  failure(): StartError {
    return new StartError(`The ${this.name} ended unexpectedly. Its last words:\n${this.lastWords()}`);
  }

  /**
   * TERM, and KILL once the bound has passed.
   * @returns whether it ended in order, by our wish and within the bound
   */
  async stop(withinMs: number): Promise<boolean> {
    if (this.#isEnded) return false;
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), withinMs);
    await this.#ended;
    clearTimeout(timer);
    return this.#process.exitCode === 0;
  }
}
