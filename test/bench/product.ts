/**
 * The real product for a measurement: a control plane and an agent as processes of their own in a throwaway folder,
 * with one customer who has money. All of it goes when it is disposed of; should we be killed, they end as their input closes.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { z } from "zod";
import { PathClient } from "../support/http/path-client.ts";
import { QUICK_COLLECTION, SPARING_MEMORY } from "@remotegpu/control-plane/server/quickstart/stage";
import { MIB } from "@remotegpu/shared/values/units";
import { removeLabelled } from "../support/containers/docker.ts";
import { eventually } from "../support/eventually.ts";
import { openCustomer } from "./customer.ts";
import { spawnProcess, type RunningProcess } from "./running-process.ts";
import { freePort } from "../support/engines/free-ports.ts";

const repository = join(import.meta.dirname, "../..");
const ACCESS = join(repository, "agent/src/access/main.ts");
const CONTROL_PLANE = join(repository, "control-plane/server/main.ts");
/**
 * Loaded into an agent before itself, so that its host says it has more cores than it has: a core is the least that an
 * environment takes. As a URL, since a TypeScript file would bring the type stripper into the agent's memory.
 */
const MANY_CORES = `data:text/javascript,import os from "node:os"; os.cpus = () => Array(64).fill({ model: "", speed: 0 });`;
const STEP_WITHIN_MS = 60_000;
/** Of many, one after the other. */
const JOB_WITHIN_MS = 6_000;
const ORDERS_AT_ONCE = 8;
const RUNNING_POLL_MS = 100;
const SIMULATED_GPUS = 2;
const ORDER = { name: "bench", cpu: 1, memory: 256 * MIB };

const JoinToken = z.looseObject({ token: z.string() });
const Credential = z.looseObject({ grant: z.looseObject({ host_id: z.string() }) });
const Workload = z.looseObject({ id: z.string(), status: z.string() });
const WAITS_OR_RUNS = ["queued", "running", "stopping"];
const FAILED = ["error", "failed", "cancelled"];

/** The agent's main file, and the Node that runs it. */
export type AgentProgram = { main: string; node: string };
export const AGENT_SOURCES: AgentProgram = {
  main: join(repository, "agent/src/main.ts"),
  node: process.execPath,
};

export class Product implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "remotegpu-bench-"));
  readonly #processes: RunningProcess[] = [];
  readonly #gpus: number;
  #server = "";
  #customer: PathClient | null = null;
  #hostId: string | null = null;

  private constructor(gpus: number) {
    this.#gpus = gpus;
  }

  /** A control plane that serves, and a host that has joined; its agent does not run yet. */
  static async start(
    ending: AsyncDisposableStack,
    { gpus = SIMULATED_GPUS }: { gpus?: number } = {},
  ): Promise<Product> {
    const product = ending.use(new Product(gpus));
    const admin = await product.#serve();
    product.#customer = product.#clientOf(await openCustomer(admin));
    await product.#join(JoinToken.parse(await admin.post("/join-tokens")).token);
    product.#spawn("access", [process.execPath, ACCESS, "run"], product.#agentEnv());
    return product;
  }

  get hostId(): string {
    if (this.#hostId === null) throw new Error("no host has joined");
    return this.#hostId;
  }

  get agentFolder(): string {
    return this.#agentEnv().REMOTEGPU_STATE_DIR;
  }

  /** Resolves once it is connected. Ended in order it takes its containers along; killed it leaves them. */
  async startAgent({ main, node }: AgentProgram = AGENT_SOURCES): Promise<RunningProcess> {
    const agent = this.#spawn("agent", [node, "--import", MANY_CORES, main, "run"], this.#agentEnv());
    await eventually(() => agent.output().includes("connected to NATS"), {
      withinMs: STEP_WITHIN_MS,
      what: "the agent's connection",
    });
    return agent;
  }

  /** @returns the environment's id */
  async order(body: { image: string; config?: { command: string }; gpu?: number }): Promise<string> {
    return Workload.parse(await this.#api.post("/environments", { ...ORDER, ...body })).id;
  }

  /** Resolves when the API says that it runs. */
  async running(id: string, { requestEveryMs }: { requestEveryMs: number }): Promise<void> {
    await this.#becomes(`/environments/${id}`, "running", requestEveryMs);
  }

  /** @returns the job's id */
  async orderJob(body: { image: string; command: string; gpu?: number }): Promise<string> {
    return Workload.parse(await this.#api.post("/training-jobs", { ...ORDER, ...body })).id;
  }

  /** Resolves when the API says so of the job. */
  async completed(id: string, { requestEveryMs }: { requestEveryMs: number }): Promise<void> {
    await this.#becomes(`/training-jobs/${id}`, "completed", requestEveryMs);
  }

  /** Orders so many jobs; resolves with their ids when none waits or runs any more. */
  async endedJobs(count: number, body: { image: string; command: string; gpu?: number }): Promise<string[]> {
    const ids: string[] = [];
    let left = count;
    const context = async () => {
      for (; left > 0;) {
        left -= 1;
        ids.push(await this.orderJob(body));
      }
    };
    await Promise.all(Array.from({ length: ORDERS_AT_ONCE }, context));
    for (const status of WAITS_OR_RUNS)
      await eventually(
        async () => {
          const { items } = await this.#api.get(`/training-jobs?limit=1&status=${status}`);
          return z.array(z.unknown()).parse(items).length === 0;
        },
        { withinMs: count * JOB_WITHIN_MS, what: `no job ${status}` },
      );
    return ids;
  }

  /** Orders so many in parts, each of which runs before the next. */
  async orderMany(count: number, body: { image: string }): Promise<void> {
    for (let left = count; left > 0; left -= ORDERS_AT_ONCE) {
      const orders = Array.from({ length: Math.min(left, ORDERS_AT_ONCE) }, () => this.order(body));
      for (const id of await Promise.all(orders)) await this.running(id, { requestEveryMs: RUNNING_POLL_MS });
    }
  }

  /** Deletes environments and waits until nothing of them is left on the host. */
  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.#api.delete(`/environments/${id}`);
    await eventually(
      async () => {
        const left = (await this.#api.rows("/environments")).map((row) => Workload.parse(row).id);
        return !left.some((id) => ids.includes(id));
      },
      { withinMs: STEP_WITHIN_MS, what: "the deletion of the environments" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#processes.toReversed()) await running.stop();
    if (this.#hostId !== null) await removeLabelled(this.#hostId);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #becomes(path: string, wanted: string, requestEveryMs: number): Promise<void> {
    const deadline = performance.now() + STEP_WITHIN_MS;
    for (;;) {
      const { status } = Workload.parse(await this.#api.get(path));
      if (status === wanted) return;
      if (FAILED.includes(status) || performance.now() > deadline)
        throw new Error(`${path} is still ${status}, not ${wanted}`);
      await delay(requestEveryMs);
    }
  }

  get #api(): PathClient {
    if (this.#customer === null) throw new Error("the product has not started");
    return this.#customer;
  }

  /** @returns the API as its first administrator sees it */
  async #serve(): Promise<PathClient> {
    // Postgres runs as a user of its own and has to pass through here.
    chmodSync(this.#folder, 0o711);
    const listen = `127.0.0.1:${await freePort()}`;
    this.#server = `http://${listen}`;
    const env = {
      REMOTEGPU_STATE_DIR: join(this.#folder, "control-plane"),
      REMOTEGPU_LISTEN: listen,
      REMOTEGPU_AGENT_BUNDLE: "0",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      DATABASE_URL: "",
      NATS_URL: "",
      ...QUICK_COLLECTION,
    };
    mkdirSync(env.REMOTEGPU_STATE_DIR, { mode: 0o711 });
    this.#spawn("control-plane", [process.execPath, CONTROL_PLANE, "run"], env);
    await eventually(async () => (await fetch(`${this.#server}/readyz`)).ok, {
      withinMs: STEP_WITHIN_MS,
      what: "the control plane",
    });
    const { stdout: key } = await execa(process.execPath, [CONTROL_PLANE, "admin-key"], { env });
    return this.#clientOf(key.trim());
  }

  async #join(token: string): Promise<void> {
    const env = { ...this.#agentEnv(), REMOTEGPU_SERVER: this.#server, REMOTEGPU_JOIN_TOKEN: token };
    await execa(process.execPath, ["--import", MANY_CORES, AGENT_SOURCES.main, "join"], { env });
    const file = join(env.REMOTEGPU_STATE_DIR, "credential.json");
    this.#hostId = Credential.parse(JSON.parse(readFileSync(file, "utf8"))).grant.host_id;
  }

  #agentEnv() {
    return {
      REMOTEGPU_STATE_DIR: join(this.#folder, "agent"),
      REMOTEGPU_SIMULATED_GPUS: String(this.#gpus),
      REMOTEGPU_METRICS_LISTEN: "off",
      REMOTEGPU_CLEAN_ON_EXIT: "1",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      ...SPARING_MEMORY,
    };
  }

  #clientOf(key: string): PathClient {
    return new PathClient({ server: this.#server, key });
  }

  #spawn(name: string, command: string[], env: Record<string, string>): RunningProcess {
    const running = spawnProcess(command, { env, logFile: join(this.#folder, `${name}.log`) });
    this.#processes.push(running);
    return running;
  }
}
