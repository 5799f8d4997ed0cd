/**
 * Where the story of `npm start` and the demo plays: one folder, the product's own processes on it, and their end in
 * the right order whatever happened. It knows how to begin and end things; what is ordered is the story's.
 */
import {
  createJoinToken,
  getEnvironment,
  getHost,
  listHostGpus,
  stopEnvironment,
} from "../../client/generated/api.ts";
import type { Gpu } from "../../client/generated/api.schemas.ts";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GIB } from "@remotegpu/shared/values/units";
import { execa } from "execa";
import { z } from "zod";
import { ApiClient } from "../../cli/framework/api-client.ts";
import { CliError } from "../../cli/framework/cli-error.ts";
import { freePort, isPortFree } from "../embedded/ports.ts";
import { Child } from "./child.ts";
import { Interrupted, StartError } from "./start-error.ts";
import { removeStarterImage } from "./starter-image.ts";

const CONTROL_PLANE = new URL("../main.ts", import.meta.url).pathname;
const AGENT = new URL("../../../agent/src/main.ts", import.meta.url).pathname;
const ACCESS = new URL("../../../agent/src/access/main.ts", import.meta.url).pathname;
const FILES = new URL("../../../agent/src/files/main.ts", import.meta.url).pathname;
/** As in the control plane's unit, which says why. */
export const QUICK_COLLECTION = { NODE_OPTIONS: "--max-semi-space-size=1" };
/** As in the agent's unit, which says why. */
export const SPARING_MEMORY = { NODE_OPTIONS: "--max-semi-space-size=1", MALLOC_ARENA_MAX: "1" };
const LOOPBACK = "127.0.0.1";
/** Where another program has it, any free one. */
const WEB_PORT = 8443;
const POLL_MS = 200;
const READY_WITHIN_MS = 120_000;
const ONLINE_WITHIN_MS = 60_000;
const COMMAND_WITHIN_MS = 60_000;
/** All processes together; what falls this often does not get well by being started once more. */
const MAX_RESTARTS = 5;
/** Of a control plane that does not end in order, so that what it began is ended. */
const MAX_LIVES_TO_END = 3;
const STOP_ENVIRONMENT_WITHIN_MS = 20_000;
const STOP_AGENT_WITHIN_MS = 40_000;
const COMES_ABOUT_MS = 2_000;
const STOP_ACCESS_WITHIN_MS = 10_000;
const STOP_FILES_WITHIN_MS = 10_000;
const STOP_CONTROL_PLANE_WITHIN_MS = 40_000;

export interface StageOptions {
  root: string;
  /** 0: any free one. */
  port: number;
  print: (line: string) => void;
  /** Nothing of it is to be kept: the image that was made for it goes, too. */
  throwaway: boolean;
  simulatedGpus?: number;
  keepLogs?: string;
}

export class Stage {
  readonly options: StageOptions;
  readonly #interruption = new AbortController();
  readonly #pidFile: string;
  #controlPlane: Child | null = null;
  #access: Child | null = null;
  #files: Child | null = null;
  #agent: Child | null = null;
  #agentEnv: Record<string, string> = {};
  /** Until then a control plane that ends cannot be started at all. */
  #hasServed = false;
  /** The control plane is not the one that served first. */
  #isAnotherLife = false;
  #restarts = 0;
  #port = 0;
  #webPort = 0;
  #environment: { api: ApiClient; id: string } | null = null;
  #madeImage = false;
  #isEnding = false;

  constructor(options: StageOptions) {
    this.options = options;
    this.#pidFile = join(options.root, "running.pid");
    Stage.assertNotRunning(options.root);
    writeFileSync(this.#pidFile, `${process.pid}\n`);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => this.#interruption.abort());
  }

  /** @throws StartError */
  static assertNotRunning(root: string): void {
    if (Stage.isRunning(root))
      throw new StartError(`npm start is already running on ${root}. End it first, or give another --state.`);
  }

  /** Whether a living process of ours plays on this folder. */
  static isRunning(root: string): boolean {
    const file = join(root, "running.pid");
    if (!existsSync(file)) return false;
    const pid = readFileSync(file, "utf8").trim();
    const commandLine = `/proc/${pid}/cmdline`;
    return existsSync(commandLine) && readFileSync(commandLine, "utf8").includes("quickstart");
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  print(line: string): void {
    this.options.print(line);
  }

  api(key: string): ApiClient {
    return new ApiClient({ server: this.url, key });
  }

  /** What must be ended first: its last usage row closes its bill. */
  environmentRuns(api: ApiClient, id: string): void {
    this.#environment = { api, id };
  }

  imageWasMade(): void {
    this.#madeImage = true;
  }

  /** @throws StartError with the process' last words */
  async startControlPlane(): Promise<void> {
    this.#port = this.options.port === 0 ? await freePort(LOOPBACK, null) : this.options.port;
    await assertPortFree(this.#port);
    // A link that was kept leads there again after a restart, where nobody else has taken it; of a demo nothing is kept.
    this.#webPort = await freePort(LOOPBACK, this.options.throwaway ? null : WEB_PORT);
    this.#controlPlane = this.#spawn("control plane", CONTROL_PLANE, this.#controlPlaneEnv());
    await this.until(READY_WITHIN_MS, "the control plane to serve", () => this.#serves());
    // Whoever asks first has the dashboard built; so it is there when somebody looks.
    await fetch(this.url).catch(() => null);
    this.#hasServed = true;
  }

  async #serves(): Promise<boolean> {
    const answer = await fetch(`${this.url}/readyz`).catch(() => null);
    return answer?.ok ?? false;
  }

  /** A fresh administrator's key, made on the server as an operator would. */
  async adminKey(): Promise<string> {
    const { stdout } = await this.#command(CONTROL_PLANE, ["admin-key"], this.#controlPlaneEnv());
    return stdout.trim();
  }

  /**
   * Joins once, runs the agent with the access and the files process beside it, and waits until its host is online
   * with its GPUs. What the control plane has of the host is a dated copy, so only a report of this life counts.
   */
  async startAgent(admin: ApiClient, simulatedGpus: number): Promise<Gpu[]> {
    const env = this.#newAgentEnv(simulatedGpus);
    this.#agentEnv = env;
    const credential = join(this.options.root, "agent", "credential.json");
    if (!existsSync(credential)) {
      const { token } = await admin.send(createJoinToken({}));
      await this.#command(AGENT, ["join"], { ...env, REMOTEGPU_JOIN_TOKEN: token });
    }
    const { grant } = z
      .object({ grant: z.object({ host_id: z.string() }) })
      .parse(JSON.parse(readFileSync(credential, "utf8")));
    const { host_id: hostId } = grant;
    const { observed_at: observedBefore } = await admin.send(getHost(hostId));
    this.#access = this.#spawn("access process", ACCESS, env);
    this.#files = this.#spawn("files process", FILES, env);
    this.#agent = this.#spawn("agent", AGENT, env);
    // Else its gateway would not connect to this machine's own addresses.
    await this.#command(CONTROL_PLANE, ["local-host", grant.host_id], this.#controlPlaneEnv());
    return this.until(ONLINE_WITHIN_MS, "this host to be online", async () => {
      const host = await admin.send(getHost(hostId));
      const { items } = await admin.send(listHostGpus(hostId));
      const isOnline = host.connection === "connected" && host.observed_at !== observedBefore;
      return isOnline && items.length >= simulatedGpus && items;
    });
  }

  /**
   * Asks until it is so; `waitsFor` says what is in the way when it never was.
   * @throws StartError past the bound, Interrupted, or a process' failure
   */
  async until<T>(
    withinMs: number,
    what: string,
    request: () => Promise<T | false>,
    waitsFor: () => string = () => "",
  ): Promise<T> {
    const deadline = performance.now() + withinMs;
    let last: unknown;
    while (performance.now() < deadline) {
      this.#assertPlaying();
      try {
        const value = await request();
        if (value !== false) return value;
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        last = error;
      }
      await this.pause(POLL_MS);
    }
    const reason = last instanceof Error ? `The last answer was: ${last.message}` : waitsFor();
    throw new StartError(`Waited ${withinMs / 1000} s for ${what}, in vain. ${reason}`.trimEnd(), {
      cause: last,
    });
  }

  /** Resolves after the time, or at once when interrupted. */
  async pause(ms: number): Promise<void> {
    const { signal } = this.#interruption;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
    });
  }

  get isInterrupted(): boolean {
    return this.#interruption.signal.aborted;
  }

  /**
   * A process that ended by itself is started again, as its unit would: an agent finds its containers, a control plane
   * the Postgres that outlived it.
   * @throws the failure of a process that does not stay up
   */
  keepUp(): void {
    if (this.#controlPlane?.isEnded === true) {
      if (!this.#hasServed) throw this.#controlPlane.failure();
      this.#controlPlane = this.#startAgain(this.#controlPlane);
      this.#isAnotherLife = true;
    }
    if (this.#access?.isEnded === true) this.#access = this.#startAgain(this.#access);
    if (this.#files?.isEnded === true) this.#files = this.#startAgain(this.#files);
    if (this.#agent?.isEnded === true) this.#agent = this.#startAgain(this.#agent);
  }

  #startAgain(ended: Child): Child {
    if (this.#restarts >= MAX_RESTARTS) throw ended.failure();
    this.#restarts += 1;
    this.print(`The ${ended.name} is started again (${this.#restarts} of at most ${MAX_RESTARTS} times).`);
    return ended.again();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    if (this.#controlPlane !== null) this.print("Ending: the environment, the agent, the control plane …");
    await this.#stopEnvironment();
    if (this.#agent !== null) await this.#stopAgent(this.#agent);
    await this.#access?.stop(STOP_ACCESS_WITHIN_MS);
    await this.#files?.stop(STOP_FILES_WITHIN_MS);
    if (this.#controlPlane !== null) await this.#stopControlPlane(this.#controlPlane);
    if (this.options.throwaway && this.#madeImage) await removeStarterImage();
    this.#keepLogs();
    rmSync(this.#pidFile, { force: true });
  }

  #assertPlaying(): void {
    if (this.isInterrupted) throw new Interrupted();
    this.keepUp();
  }

  /** One that ends in order takes its containers along; for any other they are removed after it. */
  async #stopAgent(agent: Child): Promise<void> {
    if (await agent.stop(STOP_AGENT_WITHIN_MS)) return;
    try {
      await this.#command(AGENT, ["clean"], this.#agentEnv);
      // What one that was killed had asked of the runtime may come about only now.
      await new Promise((resolve) => setTimeout(resolve, COMES_ABOUT_MS));
      await this.#command(AGENT, ["clean"], this.#agentEnv);
      this.print("The agent did not end in order; what it ran here is removed.");
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      this.print(`The agent did not end in order, and what it ran may still be here: ${error.message}`);
      this.print("See: docker ps --filter label=remotegpu.host");
    }
  }

  /**
   * Postgres and NATS outlive one that was killed or did not come up; its next life takes them over, and ends them with
   * itself. That may have been begun already: it is waited for.
   */
  async #stopControlPlane(last: Child): Promise<void> {
    let controlPlane = last;
    for (let life = 0; life < MAX_LIVES_TO_END; life += 1) {
      if (controlPlane.isEnded && !this.#hasServed) return;
      const isToTakeOver = controlPlane.isEnded;
      if (isToTakeOver) controlPlane = controlPlane.again();
      if (isToTakeOver || this.#isAnotherLife) await this.#servesOrEnds(controlPlane);
      if (await controlPlane.stop(STOP_CONTROL_PLANE_WITHIN_MS)) return;
    }
    this.print(`The control plane did not end in order: ${controlPlane.lastWords()}`);
    this.print(`Its Postgres and its NATS may still run: pgrep -af ${this.options.root}`);
  }

  async #servesOrEnds(controlPlane: Child): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!controlPlane.isEnded && performance.now() < deadline && !(await this.#serves()))
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }

  /** A stop in order lets the last usage row reach the bill. Without an answer the agent takes the container along. */
  async #stopEnvironment(): Promise<void> {
    if (this.#environment === null || this.#controlPlane?.isEnded !== false) return;
    if (this.#agent?.isEnded !== false)
      return this.print("The agent has ended, so the environment cannot be stopped in order; it is removed.");
    const { api, id } = this.#environment;
    const deadline = performance.now() + STOP_ENVIRONMENT_WITHIN_MS;
    try {
      const isOver = async () => {
        const { status } = await api.send(getEnvironment(id));
        return status === "stopped" || status === "error";
      };
      if (await isOver()) return;
      await api.send(stopEnvironment(id));
      while (performance.now() < deadline) {
        if (await isOver()) return;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      this.print("The environment did not stop in time; its container is removed with the agent.");
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      this.print(
        `The environment could not be stopped in order (${error.message}); its container is removed.`,
      );
    }
  }

  #spawn(name: string, script: string, env: Record<string, string>): Child {
    const child = new Child({
      name,
      args: [script, "run"],
      env,
      logFile: this.#logFile(name),
      onEnd: () => {
        if (!this.#isEnding && !this.isInterrupted) this.print(`The ${name} has ended.`);
      },
    });
    return child;
  }

  async #command(script: string, args: string[], env: Record<string, string>): Promise<{ stdout: string }> {
    const done = await execa(process.execPath, [script, ...args], {
      env,
      reject: false,
      timeout: COMMAND_WITHIN_MS,
    });
    if (done.exitCode !== 0)
      throw new StartError(done.stderr.trim().split("\n").at(-1) ?? `${args.join(" ")} failed`);
    return done;
  }

  #controlPlaneEnv(): Record<string, string> {
    return {
      REMOTEGPU_STATE_DIR: join(this.options.root, "control-plane"),
      REMOTEGPU_LISTEN: `127.0.0.1:${this.#port}`,
      REMOTEGPU_GATEWAY_LISTEN: `127.0.0.1:${this.#webPort}`,
      WEB_DOMAIN: `localhost:${this.#webPort}`,
      // The one host is reached.
      REMOTEGPU_TUNNEL_LISTEN: "off",
      // The operator's own certificate is for another name.
      WEB_CERT: "",
      WEB_KEY: "",
      REMOTEGPU_AGENT_BUNDLE: "0",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      // The operator's own settings for a real server do not belong to this one.
      DATABASE_URL: "",
      MIGRATION_DATABASE_URL: "",
      NATS_URL: "",
      ...QUICK_COLLECTION,
    };
  }

  #newAgentEnv(simulatedGpus: number): Record<string, string> {
    const stateDir = join(this.options.root, "agent");
    mkdirSync(stateDir, { recursive: true, mode: 0o711 });
    return {
      REMOTEGPU_STATE_DIR: stateDir,
      REMOTEGPU_SERVER: this.url,
      REMOTEGPU_SIMULATED_GPUS: String(simulatedGpus),
      // Nobody beyond this host connects to it.
      REMOTEGPU_GATEWAY_PORT: "0",
      // The machine may run other agents.
      REMOTEGPU_METRICS_LISTEN: "off",
      // Two GiB of free disk are enough for a tour.
      REMOTEGPU_DISK_FREE_BYTES: String(GIB),
      REMOTEGPU_CLEAN_ON_EXIT: "1",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      ...SPARING_MEMORY,
    };
  }

  #logFile(name: string): string {
    return join(this.options.root, `${name.replace(" ", "-")}.log`);
  }

  #keepLogs(): void {
    const { keepLogs } = this.options;
    if (keepLogs === undefined) return;
    mkdirSync(keepLogs, { recursive: true });
    for (const name of ["control plane", "agent", "access process"])
      if (existsSync(this.#logFile(name)))
        copyFileSync(this.#logFile(name), join(keepLogs, `${name.replace(" ", "-")}.log`));
  }
}

/** @throws StartError */
export async function assertPortFree(port: number): Promise<void> {
  if (!(await isPortFree(LOOPBACK, port)))
    throw new StartError(`Port ${port} is taken by another program. Choose one: npm start -- --port 9090`);
}
