/**
 * Services in real containers on two hosts, two gateways as processes of their own before them, and clients that ask both
 * without a pause, whatever happens meanwhile. The way of all to Postgres can be cut.
 */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "../../http/path-client.ts";
import { SPARING_MEMORY } from "@remotegpu/control-plane/server/quickstart/stage";
import { execa } from "execa";
import { expect } from "vitest";
import { z } from "zod";
import { cuttableTcp, type CuttableTcp } from "../../engines/cuttable-tcp.ts";
import { freshDatabase } from "../../engines/postgres.ts";
import { eventually } from "../../eventually.ts";
import {
  type LoadFailure,
  type LoadReport,
  NO_ANSWER,
  SERVES,
  ServiceLoad,
} from "../../load/service-load.ts";
import { BUSYBOX_IMAGE } from "../../samples/desired-instance.ts";
import { GatewayPair } from "./gateway-pair.ts";
import { House } from "../house.ts";

export const STORY_MS = 180_000;
/** `npm run proof:services` has 200 a second in all, and 20 rounds. */
export const LOAD = { perSecond: Number(process.env["SERVICE_LOAD_PER_SECOND"] ?? 40), streams: 30 };
export const ROUNDS = Number(process.env["SERVICE_LOAD_ROUNDS"] ?? 1);
/** So many do not end all by themselves in the same moment. */
const SOME_STREAMS = 5;
/** What is killed again and again is given longer and longer pauses, of five minutes at most. */
export const WITHIN = { withinMs: ROUNDS > 1 ? 400_000 : 90_000 };
/** A core is the least that a replica takes, and there are more of them than this machine has. */
const MANY_CORES = `import os from "node:os"; os.cpus = () => Array(16).fill({ model: "", speed: 0 });\n`;
const PATH = { PATH: process.env["PATH"] ?? "" };

const Service = z.looseObject({
  id: z.string(),
  version: z.string(),
  status_reason: z.string().nullable(),
  ready_replicas: z.int(),
  instances: z.array(
    z.looseObject({
      id: z.string(),
      host_id: z.string().nullable(),
      rank: z.int(),
      container_id: z.string().nullable(),
      draining_since: z.string().nullable(),
    }),
  ),
});
export type ServiceResponse = z.infer<typeof Service>;

/** What all services of a test stand on. */
export class LoadedWorld implements AsyncDisposable {
  readonly house: House;
  readonly pair: GatewayPair;
  /** Of all processes to Postgres. */
  readonly postgres: CuttableTcp;
  readonly #ending: AsyncDisposableStack;

  private constructor(
    { house, pair, postgres }: Pick<LoadedWorld, "house" | "pair" | "postgres">,
    ending: AsyncDisposableStack,
  ) {
    this.house = house;
    this.pair = pair;
    this.postgres = postgres;
    this.#ending = ending;
  }

  static async begin(): Promise<LoadedWorld> {
    const ending = new AsyncDisposableStack();
    try {
      const database = ending.adopt(await freshDatabase(), (one) => one.drop());
      const url = new URL(database.url);
      const target = { host: url.hostname, port: Number(url.port) };
      const postgres = ending.adopt(await cuttableTcp(target), (one) => one.close());
      url.port = String(postgres.port);
      const settings = { DATABASE_URL: url.href, REMOTEGPU_GATEWAY_LISTEN: "off" };
      const house = ending.adopt(await House.open({ hosts: 0, settings }), (one) => one.close());
      const cores = join(house.folder, "cores.mjs");
      writeFileSync(cores, MANY_CORES);
      const NODE_OPTIONS = `${SPARING_MEMORY.NODE_OPTIONS} --import=${cores}`;
      const gateways = GatewayPair.begin(house, { databaseUrl: url.href, tunnelAddress: "127.0.0.1" });
      ending.defer(async () => await (await gateways.catch(() => null))?.close());
      const [pair] = await Promise.all([
        gateways,
        house.addHost({ NODE_OPTIONS }),
        house.addHost({ NODE_OPTIONS }),
      ]);
      return new LoadedWorld({ house, pair, postgres }, ending);
    } catch (error) {
      await ending.disposeAsync();
      throw error;
    }
  }

  /** So many of its replicas serve, of five at most. */
  async service(name: string, replicas: number): Promise<LoadedService> {
    const { house } = this;
    const order = ["--image", BUSYBOX_IMAGE, "--version", "1", "--memory", "64M", "--health", "/health"];
    const bounds = ["--min", "1", "--max", "5"];
    const made = await house.cli(["service", "create", name, ...order, ...bounds, "--command", SERVES], PATH);
    if (made.exitCode !== 0) throw new Error(`it was not ordered: ${made.stderr}`);
    const visible = await house.cli(["service", "show", name, "--json"], PATH);
    const service = new LoadedService(this, Service.parse(JSON.parse(visible.stdout)).id);
    if (replicas > 1) await service.scale(replicas);
    await service.settled(replicas);
    return service;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ending.disposeAsync();
  }
}

export class LoadedService {
  readonly id: string;
  readonly #world: LoadedWorld;

  constructor(world: LoadedWorld, id: string) {
    this.#world = world;
    this.id = id;
  }

  get #path(): string {
    return `/inference-services/${this.id}`;
  }

  async visible(): Promise<ServiceResponse> {
    return Service.parse(await this.#world.house.customer.get(this.#path));
  }

  async scale(replicas: number): Promise<void> {
    await this.#world.house.customer.post(`${this.#path}/scale`, { replicas });
  }

  /** So many serve, and nothing else is left of it. */
  async settled(replicas: number): Promise<void> {
    await eventually(
      async () => {
        const { ready_replicas: ready, instances, status_reason: reason } = await this.visible();
        if (ready === replicas && instances.length === replicas) return true;
        throw new Error(`${ready} of ${instances.length} replicas serve, and not ${replicas}: ${reason}`);
      },
      { ...WITHIN, what: `${replicas} replicas and no other` },
    );
  }

  /** Clients have streams open at the replica of that host: gateways leave out for some seconds what failed just now. */
  async hasStreamsAt(hostId: string): Promise<void> {
    await eventually(
      async () => {
        const [replica] = await this.#world.house.containersOf(hostId);
        // Between any two words of a stream its replica sleeps.
        const requested = ["exec", replica?.id ?? "", "pidof", "sleep"];
        const { stdout } = await execa("docker", requested, { reject: false });
        return stdout.split(" ").length >= SOME_STREAMS;
      },
      { ...WITHIN, what: `streams at host ${hostId}` },
    );
  }

  async upgrade(change: Row): Promise<void> {
    await this.#world.house.customer.post(`${this.#path}/upgrade`, change);
  }

  async rollback(): Promise<void> {
    await this.#world.house.customer.post(`${this.#path}/rollback`);
  }

  /** The one that began last. */
  async rollout(): Promise<Row> {
    const [last] = await this.#world.house.customer.rows(`${this.#path}/rollouts`);
    if (last === undefined) throw new Error("it has always had the same version");
    return last;
  }

  /** How many answers gateways have written down that this key had. */
  async counted(keyName: string): Promise<number> {
    const { total } = await this.#world.house.customer.get(`${this.#path}/traffic?key=${keyName}`);
    return z.looseObject({ requests: z.int() }).parse(total).requests;
  }

  async delete(): Promise<void> {
    await this.#world.house.customer.delete(this.#path);
  }

  /** Clients ask both gateways without a pause from now on; they show a key of that name. */
  async loaded({
    streamSeconds,
    keyName = randomUUID(),
  }: {
    streamSeconds: number;
    keyName?: string;
  }): Promise<ServiceLoad> {
    const { pair, house } = this.#world;
    const ports = pair.gateways.map(({ port }) => port);
    const { key } = await house.customer.post(`${this.#path}/keys`, { name: keyName });
    const requested = { ports, host: pair.domain, prefix: `/services/${this.id}`, key: String(key) };
    return await ServiceLoad.begin({ ...requested, ...LOAD, streamSeconds });
  }

  /** What became of all that clients asked, once the last is answered. @throws where a drain has cut off what was open, or nothing came at all */
  async unloaded(load: ServiceLoad): Promise<LoadReport> {
    const reported = await load.stop();
    const events = await this.#world.house.customer.rows(`${this.#path}/events`);
    const cut = events.filter(({ reason }) => String(reason).includes("cut off"));
    if (cut.length > 0) throw new Error(`streams were cut off: ${JSON.stringify(cut)}`);
    // What was in flight on what was killed is told so, or asked elsewhere, and does not hang.
    const silent = reported.failures.filter(({ why }) => why.includes(NO_ANSWER));
    if (silent.length > 0) throw new Error(`nothing was answered at all: ${JSON.stringify(silent)}`);
    if (reported.streams <= LOAD.streams / 2)
      throw new Error(`only ${reported.streams} streams were answered whole`);
    return reported;
  }

  /** What became of the clients' requests while that happened, round after round. */
  async underLoad(
    { rounds = ROUNDS, ...options }: { streamSeconds: number; keyName?: string; rounds?: number },
    story: (load: ServiceLoad) => Promise<void>,
  ): Promise<LoadReport> {
    await using load = await this.loaded(options);
    await inRounds(() => story(load), rounds);
    return await this.unloaded(load);
  }
}

export async function inRounds(story: () => Promise<void>, rounds = ROUNDS): Promise<void> {
  for (let round = 0; round < rounds; round += 1) await story();
}

/**
 * What failed of what was in flight as something was killed, once it is over.
 * @throws when anything failed that began later
 */
export async function inFlightAtKill(
  load: ServiceLoad,
  { kill, recover }: { kill: () => Promise<unknown>; recover: () => Promise<unknown> },
): Promise<LoadFailure[]> {
  const { failed } = load.reported;
  await kill();
  const killedAt = new Date().toISOString();
  await load.answers(LOAD.perSecond);
  await recover();
  await load.answers(LOAD.perSecond);
  const failures = load.reported.failures.slice(failed);
  expect(failures.filter(({ at }) => at > killedAt)).toEqual([]);
  return failures;
}
