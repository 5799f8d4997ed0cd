/**
 * A fleet of three of everything while customers use it: orders and payments, a service with two replicas that clients ask
 * through both gateways, and a session by SSH through one of them.
 */
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { eventually } from "../eventually.ts";
import { SERVES, ServiceLoad } from "../load/service-load.ts";
import { BUSYBOX_IMAGE } from "../samples/desired-instance.ts";
import { commandFile } from "../suite/command-file.ts";
import { ContainerLog, fewestAtOnce } from "./container-log.ts";
import type { Fault, Touched } from "./faults.ts";
import { broken, type Broken } from "./invariants.ts";
import { LeaderWatch } from "./leader-watch.ts";
import { ApiCaller } from "./load/api-caller.ts";
import { CountedSession } from "./load/counted-session.ts";
import { Orders } from "./load/orders.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { ThreeOfEverything } from "./three-of-everything.ts";

const REPLICAS = 2;
const REQUESTS_PER_SECOND = 4;
const STREAMS = 2;
const STREAM_SECONDS = 2;
const PATH = { PATH: process.env["PATH"] ?? "" };

const Service = z.looseObject({
  id: z.string(),
  ready_replicas: z.int(),
  instances: z.array(z.looseObject({ id: z.string() })),
});

/** What became of the load while one fault was played and repaired. */
export interface Story {
  broken: Broken;
  touched: Touched;
  leaderAwayMs: number;
  slowestOrderMs: number;
  orders: number;
  payments: number;
  requests: number;
  requestsFailed: string[];
  sshLostBytes: number;
  sshSentBytes: number;
  isSshOpen: boolean;
  fewestReplicas: number;
  tookMs: number;
}

export class FleetUnderLoad implements AsyncDisposable {
  readonly fleet: ThreeOfEverything;
  readonly log: ContainerLog;
  readonly orders: Orders;
  readonly watch: LeaderWatch;
  /** How many faults each host's agent had. */
  readonly agentFaults = new Map<string, number>();
  serviceId = "";
  #requests!: ServiceLoad;
  #session: CountedSession | null = null;
  #identity: string[] = [];
  readonly #ending: AsyncDisposableStack;

  private constructor(fleet: ThreeOfEverything, log: ContainerLog, ending: AsyncDisposableStack) {
    this.fleet = fleet;
    this.log = log;
    this.#ending = ending;
    const { house } = fleet;
    const urls = fleet.controlPlanes.map(({ url }) => url);
    const ended = ending.use(new Ended()).signal;
    const caller = (key: string) => new ApiCaller(urls, key, ended);
    const callers = { customer: caller(house.customerKey), admin: caller(house.adminKey) };
    this.orders = new Orders({ ...callers, customerId: house.customerId });
    this.watch = new LeaderWatch(fleet.controlPlanes);
  }

  static async begin(): Promise<FleetUnderLoad> {
    const ending = new AsyncDisposableStack();
    try {
      const fleet = ending.use(await ThreeOfEverything.begin());
      const log = ending.adopt(await ContainerLog.open(), (one) => one.close());
      const loaded = new FleetUnderLoad(fleet, log, ending);
      await loaded.#openService();
      await loaded.#openSession();
      loaded.#begin();
      return loaded;
    } catch (error) {
      await ending.disposeAsync();
      throw error;
    }
  }

  /** Plays a fault to its end, and waits until the fleet is whole and has taken an order since. */
  async play(fault: Fault, random: SeededRandom): Promise<Story> {
    await this.#hasSession();
    const beganMs = Date.now();
    this.watch.longestMs();
    this.orders.slowestMs();
    const { reported } = this.#requests;
    const before = {
      orders: this.orders.acknowledged.length,
      payments: this.orders.payments.length,
      short: reported.short,
      failed: reported.failed,
      sent: this.#session?.sentBytes ?? 0,
    };
    const touched = await fault.play(this.fleet, random);
    if (touched.hostId !== undefined)
      this.agentFaults.set(touched.hostId, (this.agentFaults.get(touched.hostId) ?? 0) + 1);
    await this.fleet.isWhole();
    await this.#takesAnOrder();
    const after = this.#requests.reported;
    const { acknowledged, payments } = this.orders;
    return {
      touched,
      broken: await broken(this.fleet.postgres, { orders: acknowledged, payments }),
      leaderAwayMs: this.watch.longestMs(),
      slowestOrderMs: this.orders.slowestMs(),
      orders: acknowledged.length - before.orders,
      payments: payments.length - before.payments,
      requests: after.short - before.short,
      requestsFailed: after.failures.slice(before.failed).map((failure) => JSON.stringify(failure)),
      sshLostBytes: (await this.#session?.lostBytes()) ?? 0,
      sshSentBytes: (this.#session?.sentBytes ?? 0) - before.sent,
      isSshOpen: this.#session?.isOpen ?? false,
      fewestReplicas: await this.#fewestReplicas(beganMs),
      tookMs: Date.now() - beganMs,
    };
  }

  /** All load ends, and everything that was ordered is deleted: every run comes to its end. */
  async stopLoad(): Promise<void> {
    await this.orders.stop();
    await this.watch.stop();
    this.#session?.end();
    await this.#requests.stop();
    const { customer } = this.fleet.house;
    await customer.delete(`/inference-services/${this.serviceId}`);
    for (const { id } of await customer.rows("/environments"))
      await customer.delete(`/environments/${String(id)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.end();
    await this.#ending.disposeAsync();
  }

  #begin(): void {
    this.orders.begin();
    this.watch.begin();
    // Left early, its clients end with the fleet.
    this.#ending.defer(async () => {
      await this.orders.stop();
      await this.watch.stop();
    });
  }

  async #openService(): Promise<void> {
    const { house, gateways, domain } = this.fleet;
    const order = ["--image", BUSYBOX_IMAGE, "--version", "1", "--memory", "64M", "--health", "/health"];
    const bounds = ["--min", String(REPLICAS), "--max", String(REPLICAS), "--command", SERVES];
    const made = await house.cli(["service", "create", "chat", ...order, ...bounds], PATH);
    if (made.exitCode !== 0) throw new Error(`it was not ordered: ${made.stderr}`);
    const visible = await house.cli(["service", "show", "chat", "--json"], PATH);
    this.serviceId = Service.parse(JSON.parse(visible.stdout)).id;
    const path = `/inference-services/${this.serviceId}`;
    await eventually(async () => Service.parse(await house.customer.get(path)).ready_replicas === REPLICAS, {
      withinMs: 120_000,
      what: "replicas that serve",
    });
    const { key } = await house.customer.post(`${path}/keys`, { name: "load" });
    this.#requests = this.#ending.use(
      await ServiceLoad.begin({
        ports: gateways.map(({ port }) => port),
        host: domain,
        prefix: `/services/${this.serviceId}`,
        key: String(key),
        perSecond: REQUESTS_PER_SECOND,
        streams: STREAMS,
        streamSeconds: STREAM_SECONDS,
      }),
    );
  }

  async #openSession(): Promise<void> {
    const { house } = this.fleet;
    const file = join(house.folder, ".ssh", "id_ed25519");
    await execa("mkdir", ["-p", join(house.folder, ".ssh")]);
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
    this.#identity = ["-i", file, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
    const order = ["env", "create", "lab", "--image", BUSYBOX_IMAGE, "--memory", "64M", "--json"];
    for (const args of [["ssh-key", "add"], order]) {
      const done = await house.cli(args, PATH);
      if (done.exitCode !== 0) throw new Error(`remotegpu ${args.join(" ")}: ${done.stderr}`);
    }
    await this.#hasSession();
  }

  /** One that a fault of its gateway ended is followed by another. */
  async #hasSession(): Promise<void> {
    if (this.#session?.isOpen === true) return;
    this.#session?.end();
    const { house } = this.fleet;
    const args = ["ssh", "--through-gateway", "lab", "--", ...this.#identity, "cat"];
    const env = {
      ...PATH,
      REMOTEGPU_SERVER: house.url,
      REMOTEGPU_KEY: house.customerKey,
      HOME: house.folder,
    };
    this.#session = await CountedSession.open([commandFile(), ...args], env);
  }

  async #takesAnOrder(): Promise<void> {
    const before = this.orders.payments.length;
    await eventually(() => this.orders.payments.length > before, { what: "a payment that is taken" });
  }

  async #fewestReplicas(sinceMs: number): Promise<number> {
    const rows = await this.fleet.postgres.query(
      `SELECT r.id FROM runs r WHERE r.resource_id = '${this.serviceId}'`,
    );
    const ids = new Set(rows.map(({ id }) => String(id)));
    const runs = this.log.runs.filter(({ runId }) => ids.has(runId));
    return fewestAtOnce(runs, sinceMs, Date.now());
  }
}

/** The end of a harness, for whoever would try for ever. */
class Ended {
  readonly #over = new AbortController();
  readonly signal = this.#over.signal;

  [Symbol.dispose](): void {
    this.#over.abort();
  }
}
