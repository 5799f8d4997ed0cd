/**
 * No request is cut off by fewer replicas or another version: two gateways as processes of their own, real containers, and
 * clients that ask without a pause while replicas come and go.
 */
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { type LoadTold, SERVES, ServiceLoad } from "../support/load/service-load.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { GatewayPair } from "../support/worlds/gateway-pair.ts";
import { House } from "../support/worlds/house.ts";

const STORY_MS = 180_000;
const WITHIN = { withinMs: 90_000 };
const PATH = { PATH: process.env["PATH"] ?? "" };
/** The aim is 200 a second in all, on a machine of its own. */
const LOAD = { perSecond: Number(process.env["SERVICE_LOAD_PER_SECOND"] ?? 40), streams: 30 };
const ROUNDS = Number(process.env["SERVICE_LOAD_ROUNDS"] ?? 1);

const Service = z.looseObject({
  id: z.string(),
  version: z.string(),
  status_reason: z.string().nullable(),
  ready_replicas: z.int(),
  instances: z.array(
    z.looseObject({
      rank: z.int(),
      container_id: z.string().nullable(),
      draining_since: z.string().nullable(),
    }),
  ),
});

let database: FreshDatabase;
let house: House;
let pair: GatewayPair;
let id: string;
let key: string;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  const settings = { DATABASE_URL: database.url, REMOTEGPU_GATEWAY_LISTEN: "off" };
  house = ending.adopt(await House.open({ hosts: 2, settings }), (one) => one.close());
  pair = ending.adopt(
    await GatewayPair.begin(house, { databaseUrl: database.url, tunnelAddress: "127.0.0.1" }),
    (one) => one.close(),
  );
  const order = ["--image", BUSYBOX_IMAGE, "--version", "1", "--memory", "64M", "--health", "/health"];
  const made = await cli("service", "create", "chat", ...order, "--max", "3", "--command", SERVES);
  if (made.exitCode !== 0) throw new Error(`it was not ordered: ${made.stderr}`);
  ({ id } = await service());
  key = (await cli("service", "create-key", "chat", "--name", "app")).stdout.trim();
  await scale(3);
  await settled(3);
}, STORY_MS);
afterAll(() => ending.disposeAsync());

const cli = (...args: string[]) => house.cli(args, PATH);

async function service(): Promise<z.infer<typeof Service>> {
  return Service.parse(JSON.parse((await cli("service", "show", "chat", "--json")).stdout));
}

async function scale(replicas: number): Promise<void> {
  await house.customer.post(`/inference-services/${id}/scale`, { replicas });
}

/** So many serve, and nothing else is left of it. */
async function settled(replicas: number): Promise<void> {
  await eventually(
    async () => {
      const { ready_replicas: ready, instances, status_reason: reason } = await service();
      if (ready === replicas && instances.length === replicas) return true;
      throw new Error(`${ready} of ${instances.length} replicas serve, and not ${replicas}: ${reason}`);
    },
    { ...WITHIN, what: `${replicas} replicas and no other` },
  );
}

/** What became of the clients' requests while that happened. */
async function underLoad(
  { streamSeconds }: { streamSeconds: number },
  story: (load: ServiceLoad) => Promise<void>,
): Promise<LoadTold> {
  const ports = pair.gateways.map(({ port }) => port);
  const wish = { ports, host: pair.domain, prefix: `/services/${id}`, key, ...LOAD, streamSeconds };
  await using load = await ServiceLoad.begin(wish);
  for (let round = 0; round < ROUNDS; round += 1) await story(load);
  const told = await load.stop();
  const events = await house.customer.list(`/inference-services/${id}/events`);
  expect(events.filter(({ reason }) => String(reason).includes("cut off"))).toEqual([]);
  expect(told.streams).toBeGreaterThan(LOAD.streams / 2);
  return told;
}

test(
  "from three replicas to one and back no request fails and no stream is cut off",
  { timeout: STORY_MS },
  async () => {
    const told = await underLoad({ streamSeconds: 20 }, async (load) => {
      await scale(1);
      const draining = await eventually(
        async () => {
          const { instances } = await service();
          return instances.filter(({ draining_since: since }) => since !== null).map(({ rank }) => rank);
        },
        { ...WITHIN, what: "replicas that drain" },
      );
      expect(draining).toHaveLength(2);
      await settled(1);
      await load.answers(LOAD.perSecond);
      await scale(3);
      await settled(3);
      await load.answers(LOAD.perSecond);
    });

    expect(told).toMatchObject({ failed: 0, failures: [] });
  },
);

test(
  "to another version and back no request fails and no stream is cut off",
  { timeout: STORY_MS },
  async () => {
    await scale(2);
    await settled(2);
    const version = async (wanted: string) => {
      await eventually(async () => (await service()).version === wanted, {
        ...WITHIN,
        what: `version ${wanted}`,
      });
      await settled(2);
    };

    const told = await underLoad({ streamSeconds: 5 }, async (load) => {
      await house.customer.post(`/inference-services/${id}/upgrade`, {
        version: "2",
        env_vars: { NEW: "1" },
      });
      await version("2");
      await load.answers(LOAD.perSecond);
      await house.customer.post(`/inference-services/${id}/rollback`);
      await version("1");
      await load.answers(LOAD.perSecond);
    });

    expect(told).toMatchObject({ failed: 0, failures: [] });
  },
);

test(
  "a replica that is killed takes with it only what was in flight there",
  { timeout: STORY_MS },
  async () => {
    let killedAt = "";

    const told = await underLoad({ streamSeconds: 5 }, async (load) => {
      const [killed] = (await service()).instances;
      await execa("docker", ["kill", killed?.container_id ?? ""]);
      killedAt = new Date().toISOString();
      await load.answers(LOAD.perSecond);
      await settled(2);
      await load.answers(LOAD.perSecond);
    });

    expect(told.failures.filter(({ at }) => at > killedAt)).toEqual([]);
    expect(told.failed).toBeLessThanOrEqual(LOAD.streams);
  },
);
