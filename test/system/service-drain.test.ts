/**
 * No request is cut off by fewer replicas: two gateways as processes of their own, real containers, and clients that ask
 * without a pause while replicas come and go.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { SERVES, ServiceLoad } from "../support/load/service-load.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { GatewayPair } from "../support/worlds/gateway-pair.ts";
import { House } from "../support/worlds/house.ts";

const STORY_MS = 180_000;
const WITHIN = { withinMs: 90_000 };
const PATH = { PATH: process.env["PATH"] ?? "" };
/** The aim is 200 a second in all, on a machine of its own. */
const LOAD = {
  perSecond: Number(process.env["SERVICE_LOAD_PER_SECOND"] ?? 40),
  streams: 30,
  streamSeconds: 20,
};
const ROUNDS = Number(process.env["SERVICE_LOAD_ROUNDS"] ?? 1);

const Service = z.looseObject({
  id: z.string(),
  status_reason: z.string().nullable(),
  ready_replicas: z.int(),
  instances: z.array(z.looseObject({ rank: z.int(), draining_since: z.string().nullable() })),
});

let database: FreshDatabase;
let house: House;
let pair: GatewayPair;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  const settings = { DATABASE_URL: database.url, REMOTEGPU_GATEWAY_LISTEN: "off" };
  house = ending.adopt(await House.open({ hosts: 2, settings }), (one) => one.close());
  pair = ending.adopt(
    await GatewayPair.begin(house, { databaseUrl: database.url, tunnelAddress: "127.0.0.1" }),
    (one) => one.close(),
  );
}, STORY_MS);
afterAll(() => ending.disposeAsync());

const cli = (...args: string[]) => house.cli(args, PATH);

async function service(): Promise<z.infer<typeof Service>> {
  return Service.parse(JSON.parse((await cli("service", "show", "chat", "--json")).stdout));
}

async function scale(replicas: number): Promise<void> {
  expect(await cli("service", "scale", "chat", String(replicas))).toMatchObject({ exitCode: 0 });
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

test(
  "from three replicas to one and back no request fails and no stream is cut off",
  { timeout: STORY_MS },
  async () => {
    const order = ["--image", BUSYBOX_IMAGE, "--version", "1", "--memory", "64M", "--health", "/health"];
    const made = await cli("service", "create", "chat", ...order, "--max", "3", "--command", SERVES);
    expect(made).toMatchObject({ exitCode: 0 });
    await scale(3);
    await settled(3);
    const { id } = await service();
    const key = (await cli("service", "create-key", "chat", "--name", "app")).stdout.trim();
    const ports = pair.gateways.map(({ port }) => port);
    await using load = await ServiceLoad.begin({
      ports,
      host: pair.domain,
      prefix: `/services/${id}`,
      key,
      ...LOAD,
    });

    for (let round = 0; round < ROUNDS; round += 1) {
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
    }
    const told = await load.stop();

    expect(told).toMatchObject({ failed: 0, failures: [] });
    expect(told.streams).toBeGreaterThanOrEqual(LOAD.streams);
    const events = await house.customer.list(`/inference-services/${id}/events`);
    const gone = events.filter(({ new: what }) => what === "gone").map(({ reason }) => reason);
    expect(gone).toEqual(Array.from({ length: 2 * ROUNDS }, () => "Scaled down to 1."));
  },
);
