/**
 * A service in real containers on two hosts, two gateways as processes of their own before it, and clients that ask both
 * without a pause, whatever happens meanwhile. The way of all to Postgres can be cut.
 */
import { execa } from "execa";
import { expect } from "vitest";
import { z } from "zod";
import { cuttableTcp, type CuttableTcp } from "../engines/cuttable-tcp.ts";
import { freshDatabase } from "../engines/postgres.ts";
import { eventually } from "../eventually.ts";
import { type LoadFailure, type LoadTold, SERVES, ServiceLoad } from "../load/service-load.ts";
import { BUSYBOX_IMAGE } from "../samples/desired-instance.ts";
import { GatewayPair } from "./gateway-pair.ts";
import { House } from "./house.ts";

export const STORY_MS = 180_000;
/** `npm run proof:services` has 200 a second in all, and 20 rounds. */
export const LOAD = { perSecond: Number(process.env["SERVICE_LOAD_PER_SECOND"] ?? 40), streams: 30 };
export const ROUNDS = Number(process.env["SERVICE_LOAD_ROUNDS"] ?? 1);
/** So many do not end all by themselves in the same moment. */
const SOME_STREAMS = 5;
/** What is killed again and again is given longer and longer pauses, of five minutes at most. */
export const WITHIN = { withinMs: ROUNDS > 1 ? 400_000 : 90_000 };
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
export type ShownService = z.infer<typeof Service>;

export class LoadedService implements AsyncDisposable {
  readonly house: House;
  readonly pair: GatewayPair;
  readonly id: string;
  /** Of all processes to Postgres. */
  readonly postgres: CuttableTcp;
  readonly #key: string;
  readonly #ending: AsyncDisposableStack;

  private constructor(
    parts: Pick<LoadedService, "house" | "pair" | "id" | "postgres"> & { key: string },
    ending: AsyncDisposableStack,
  ) {
    this.house = parts.house;
    this.pair = parts.pair;
    this.id = parts.id;
    this.postgres = parts.postgres;
    this.#key = parts.key;
    this.#ending = ending;
  }

  /** So many replicas serve. */
  static async begin(replicas: number, { min = 1 }: { min?: number } = {}): Promise<LoadedService> {
    const ending = new AsyncDisposableStack();
    try {
      const database = ending.adopt(await freshDatabase(), (one) => one.drop());
      const url = new URL(database.url);
      const target = { host: url.hostname, port: Number(url.port) };
      const postgres = ending.adopt(await cuttableTcp(target), (one) => one.close());
      url.port = String(postgres.port);
      const settings = { DATABASE_URL: url.href, REMOTEGPU_GATEWAY_LISTEN: "off" };
      const house = ending.adopt(await House.open({ hosts: 2, settings }), (one) => one.close());
      const pair = ending.adopt(
        await GatewayPair.begin(house, { databaseUrl: url.href, tunnelAddress: "127.0.0.1" }),
        (one) => one.close(),
      );
      const bounds = ["--min", String(min), "--max", "3"];
      const order = ["--image", BUSYBOX_IMAGE, "--version", "1", "--memory", "64M", "--health", "/health"];
      const made = await house.cli(
        ["service", "create", "chat", ...order, ...bounds, "--command", SERVES],
        PATH,
      );
      if (made.exitCode !== 0) throw new Error(`it was not ordered: ${made.stderr}`);
      const shown = await house.cli(["service", "show", "chat", "--json"], PATH);
      const { id } = Service.parse(JSON.parse(shown.stdout));
      const key = await house.cli(["service", "create-key", "chat", "--name", "app"], PATH);
      const service = new LoadedService({ house, pair, id, postgres, key: key.stdout.trim() }, ending);
      if (replicas !== min) await service.scale(replicas);
      await service.settled(replicas);
      return service;
    } catch (error) {
      await ending.disposeAsync();
      throw error;
    }
  }

  async shown(): Promise<ShownService> {
    return Service.parse(await this.house.customer.get(`/inference-services/${this.id}`));
  }

  async scale(replicas: number): Promise<void> {
    await this.house.customer.post(`/inference-services/${this.id}/scale`, { replicas });
  }

  /** So many serve, and nothing else is left of it. */
  async settled(replicas: number): Promise<void> {
    await eventually(
      async () => {
        const { ready_replicas: ready, instances, status_reason: reason } = await this.shown();
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
        const [replica] = await this.house.containersOf(hostId);
        // Between any two words of a stream its replica sleeps.
        const asked = ["exec", replica?.id ?? "", "pidof", "sleep"];
        const { stdout } = await execa("docker", asked, { reject: false });
        return stdout.split(" ").length >= SOME_STREAMS;
      },
      { ...WITHIN, what: `streams at host ${hostId}` },
    );
  }

  /** What became of the clients' requests while that happened, round after round. */
  async underLoad(
    { streamSeconds }: { streamSeconds: number },
    story: (load: ServiceLoad) => Promise<void>,
  ): Promise<LoadTold> {
    const ports = this.pair.gateways.map(({ port }) => port);
    const asked = { ports, host: this.pair.domain, prefix: `/services/${this.id}`, key: this.#key };
    await using load = await ServiceLoad.begin({ ...asked, ...LOAD, streamSeconds });
    for (let round = 0; round < ROUNDS; round += 1) await story(load);
    const told = await load.stop();
    const events = await this.house.customer.list(`/inference-services/${this.id}/events`);
    const cut = events.filter(({ reason }) => String(reason).includes("cut off"));
    if (cut.length > 0) throw new Error(`streams were cut off: ${JSON.stringify(cut)}`);
    if (told.streams <= LOAD.streams / 2) throw new Error(`only ${told.streams} streams were answered whole`);
    return told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ending.disposeAsync();
  }
}

/**
 * What failed of what was in flight as something was killed, once it is over.
 * @throws when anything failed that began later
 */
export async function inFlightAtKill(
  load: ServiceLoad,
  { kill, recover }: { kill: () => Promise<unknown>; recover: () => Promise<unknown> },
): Promise<LoadFailure[]> {
  const { failed } = load.told;
  await kill();
  const killedAt = new Date().toISOString();
  await load.answers(LOAD.perSecond);
  await recover();
  await load.answers(LOAD.perSecond);
  const failures = load.told.failures.slice(failed);
  expect(failures.filter(({ at }) => at > killedAt)).toEqual([]);
  return failures;
}
