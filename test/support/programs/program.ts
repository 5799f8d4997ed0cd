/** A program of the product as a process of its own, in whatever order a test starts, stops and kills it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { readProcessLife } from "@remotegpu/agent/host/processes/process-liveness";
import { Child } from "@remotegpu/control-plane/server/quickstart/child";
import { eventually } from "../eventually.ts";
import { COMPILED } from "../suite/compiled.ts";

const REPOSITORY = new URL("../../..", import.meta.url).pathname;
export const CONTROL_PLANE = join(REPOSITORY, "control-plane/server/main.ts");
export const AGENT = join(REPOSITORY, "agent/src/main.ts");
export const ACCESS = join(REPOSITORY, "agent/src/access/main.ts");
export const FILES = join(REPOSITORY, "agent/src/files/main.ts");
/** What a host and a control plane run of one version of the product. */
export interface Programs {
  controlPlane: string;
  agent: string;
  access: string;
  files: string;
}
/** Those of this checkout. */
export const OWN_PROGRAMS: Programs = {
  controlPlane: CONTROL_PLANE,
  agent: AGENT,
  access: ACCESS,
  files: FILES,
};
export const IN_NAMESPACE = new URL("../../fixtures/in-namespace.ts", import.meta.url).pathname;
const STOP_WITHIN_MS = 30_000;
/** One that tries something for half a minute before it gives up ends within it on a busy machine, too. */
const COMMAND_WITHIN_MS = 180_000;

/** One of our programs; started again with the same settings as often as a test likes. */
export class Program {
  readonly #script: string;
  readonly #env: Record<string, string>;
  readonly #logFile: string;
  readonly #verb: string;
  #child: Child | null = null;

  /** @param verb what it is started as */
  constructor(script: string, env: Record<string, string>, logFile: string, verb = "run") {
    this.#script = script;
    this.#env = { ...COMPILED, ...env };
    this.#logFile = logFile;
    this.#verb = verb;
  }

  /** The same with the script of another version: one of the two may run at a time. */
  of(script: string): Program {
    return new Program(script, this.#env, this.#logFile, this.#verb);
  }

  /** @throws when it runs already: who is forgotten is never ended */
  start(): void {
    if (!this.isEnded) throw new Error(`${this.#script} runs already`);
    this.#child = new Child({
      name: this.#script,
      args: [this.#script, this.#verb],
      env: this.#env,
      logFile: this.#logFile,
      onEnd: () => undefined,
    });
  }

  /** TERM, in order. */
  async stop(): Promise<void> {
    await this.#child?.stop(STOP_WITHIN_MS);
    this.#child = null;
  }

  /** Stops it where it stands, as a machine does that hangs. */
  pause(): void {
    this.#signal("SIGSTOP");
  }

  /** It goes on as if nothing had been. */
  resume(): void {
    this.#signal("SIGCONT");
  }

  /** No warning at all. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.stop();
  }

  /** The same; resolves once what it had started and what ends with it is gone as well. */
  async killWithChildren(): Promise<void> {
    const { pid } = this;
    const children = pid === undefined ? [] : childrenOf(pid);
    await this.kill();
    for (const child of children)
      await eventually(async () => !(await readProcessLife(child)).alive, { what: `the end of ${child}` });
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) process.kill(this.#child.pid, signal);
  }

  get isEnded(): boolean {
    return this.#child?.isEnded ?? true;
  }

  /** Of the process that was started last. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  output(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  async command(...args: string[]) {
    return execa(process.execPath, [this.#script, ...args], {
      env: this.#env,
      reject: false,
      timeout: COMMAND_WITHIN_MS,
    });
  }
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? [] : children.split(" ").map(Number);
}
