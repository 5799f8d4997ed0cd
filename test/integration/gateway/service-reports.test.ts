/** What a gateway tells of services: what is open and waits there, and how much of what was committed it follows. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LoadBalancerQueues } from "@remotegpu/control-plane/gateway/load-balancer/load-balancer-queues";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { StoreError } from "@remotegpu/control-plane/server/store/database/store-error";
import { gatewayReports } from "@remotegpu/control-plane/server/store/gateway/reports";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { eventually } from "../../support/eventually.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
let web: WebScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
}, STORY_MS);
afterAll(() => ending.disposeAsync());

async function reported(ids: readonly string[]) {
  const { db, now } = web.control.api.deps;
  const reports = await gatewayReports(db, ids, now());
  return reports.find(({ gatewayId }) => gatewayId === "gw-scene")?.reported ?? null;
}

async function databaseTime(): Promise<Date> {
  const { rows } = await web.control.api.deps.db.query<{ now: Date }>("SELECT clock_timestamp() AS now");
  return (rows[0] as { now: Date }).now;
}

/** A report that follows whatever was committed until now. */
async function reportedSince(id: string) {
  const from = await databaseTime();
  const report = await eventually(
    async () => {
      const found = await reported([id]);
      return found !== null && found.asOf > from && found;
    },
    { what: "a report that follows what is committed" },
  );
  return report.services[id];
}

async function streams(served: ServedScene, count: number): Promise<IncomingMessage[]> {
  const open = await Promise.all(Array.from({ length: count }, () => served.open("/events")));
  await Promise.all(open.map(async (one) => await once(one, "data")));
  return open;
}

test("is what is in flight, what waits and how many came", { timeout: STORY_MS }, async () => {
  await using served = await ServedScene.begin(web, { replicas: 1, config: { max_in_flight: 2 } });
  expect(await reportedSince(served.id)).toBeUndefined();
  const open = await streams(served, 2);
  const waiting = served.request("/");

  await eventually(async () => (await reportedSince(served.id))?.held === 1, { what: "who waits" });
  expect(await reportedSince(served.id)).toEqual({
    inFlight: 2,
    held: 1,
    requests: 3,
    left: {},
    listed: { [served.instanceOf(0)]: 2 },
  });
  const inFlight = async () => {
    const { instances } = (await served.api("GET", "")).body;
    return instances.map((one: { in_flight: number | null }) => one.in_flight);
  };
  expect(await inFlight()).toEqual([2]);

  for (const one of open) one.destroy();
  expect((await waiting).status).toBe(200);
  await eventually(async () => (await reportedSince(served.id))?.inFlight === 0, { what: "their ends" });
  expect(await reportedSince(served.id)).toEqual({ inFlight: 0, held: 0, requests: 3, left: {}, listed: {} });
  expect(await inFlight()).toEqual([0]);
});

test(
  "names a replica that has left the route until nothing is open there",
  { timeout: STORY_MS },
  async () => {
    await using served = await ServedScene.begin(web, { replicas: 2, min_replicas: 1 });
    const open = await streams(served, 4);
    const newest = served.instanceOf(1);
    expect(await reportedSince(served.id)).toMatchObject({
      left: {},
      listed: { [served.instanceOf(0)]: 2, [newest]: 2 },
    });

    await served.api("POST", "/scale", { replicas: 1 });
    await web.control.replicas();

    expect(await reportedSince(served.id)).toMatchObject({
      inFlight: 4,
      left: { [newest]: 2 },
      listed: { [served.instanceOf(0)]: 2 },
    });
    const { instances } = (await served.api("GET", "")).body;
    expect(instances.map((one: { in_flight: number | null }) => one.in_flight)).toEqual([2, 2]);
    for (const one of open) one.destroy();
    await eventually(async () => (await reportedSince(served.id))?.inFlight === 0, { what: "their ends" });
    expect((await reportedSince(served.id))?.left).toEqual({});
  },
);

test("goes with the gateway's row, and is reported of no gateway that is not seen any more", async () => {
  const { db, now } = web.control.api.deps;
  const moment = await databaseTime();
  await db.query(
    `INSERT INTO gateways (id, name, service_base, started_at, seen_at) VALUES ('gw-other', 'other', 'http://x', $1, $1)`,
    [now()],
  );
  const others = async (at: Date) =>
    (await gatewayReports(db, ["svc-1"], at)).find(({ gatewayId }) => gatewayId === "gw-other");
  expect(await others(now())).toEqual({ gatewayId: "gw-other", reported: null });
  await db.query(
    `INSERT INTO gateway_reports (gateway_id, routes_as_of, reported_at, services)
     VALUES ('gw-other', $1, $1, '{"svc-1": {"inFlight": 1, "held": 0, "requests": 1, "left": {}}, "svc-2": {}}')`,
    [moment],
  );

  expect((await others(now()))?.reported).toEqual({
    at: moment,
    asOf: moment,
    services: { "svc-1": { inFlight: 1, held: 0, requests: 1, left: {} } },
  });
  expect(await others(new Date(now().getTime() + 61_000))).toBeUndefined();

  await db.query("DELETE FROM gateways WHERE id = 'gw-other'");
  expect((await db.query("SELECT FROM gateway_reports WHERE gateway_id = 'gw-other'")).rowCount).toBe(0);
});

test("claims nothing that a read which still runs may not have seen", { timeout: STORY_MS }, async () => {
  await using served = await ServedScene.begin(web, { replicas: 1 });
  const held = Promise.withResolvers<void>();
  const reports: { asOf: Date; ids: string[] }[] = [];
  const { db, now } = web.control.api.deps;
  const slow: Database = Object.assign(Object.create(db) as Database, {
    async query(text: string, values?: readonly unknown[]) {
      const answer = await db.query(text, values);
      if (JSON.stringify(values?.[0]) === JSON.stringify([served.id])) await held.promise;
      return answer;
    },
  });
  const lines = new LoadBalancerQueues({
    db: slow,
    now,
    log: quietLog,
    wake: () => undefined,
    report: async ({ asOf, services }) => void reports.push({ asOf, ids: Object.keys(services) }),
  });
  lines.start();
  await eventually(() => reports.length > 0, { what: "the first report" });
  const before = await databaseTime();

  const line = lines.of(served.id);

  await eventually(() => reports.length > 3, { what: "reports beside it" });
  expect(reports.filter(({ asOf }) => asOf > before)).toEqual([]);
  held.resolve();
  await line;
  await eventually(() => (reports.at(-1)?.asOf ?? before) > before, { what: "what was read again" });
  expect(reports.at(-1)?.ids).toEqual([served.id]);
  await lines.stop();
});

test(
  "is nothing of a service that nobody requested in minutes, which is forgotten, but not while the database is away",
  { timeout: STORY_MS },
  async () => {
    await using served = await ServedScene.begin(web, { replicas: 1 });
    const { db, now } = web.control.api.deps;
    let [passedMs, isAway, refused] = [0, false, 0];
    const leaving: Database = Object.assign(Object.create(db) as Database, {
      async query(text: string, values?: readonly unknown[]) {
        if (!isAway) return await db.query(text, values);
        refused += 1;
        throw new StoreError("the database is away", null);
      },
    });
    const reported: string[][] = [];
    const lines = new LoadBalancerQueues({
      db: leaving,
      now,
      log: quietLog,
      nowMs: () => performance.now() + passedMs,
      wake: () => undefined,
      report: async ({ services }) => void reported.push(Object.keys(services)),
    });
    lines.start();
    const line = await lines.of(served.id);

    [passedMs, isAway] = [6 * MS_PER_MINUTE, true];
    await eventually(() => refused > 0, { what: "a read in vain" });

    expect(await lines.of(served.id)).toBe(line);
    isAway = false;
    await eventually(() => reported.at(-1)?.length === 1, { what: "a report of it" });
    passedMs += 6 * MS_PER_MINUTE;
    await eventually(() => reported.at(-1)?.length === 0, { what: "a report without it" });
    await lines.stop();
  },
);
