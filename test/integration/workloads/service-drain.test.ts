/** Replicas that go while they answer: nobody gives them anything new, and they end when what they have is answered. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { InstanceId } from "@remotegpu/shared/values/ids";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { keepGateway } from "@remotegpu/control-plane/server/store/gateway/gateways";
import { writeReport } from "@remotegpu/control-plane/server/store/gateway/reports";
import { serviceRoutes } from "@remotegpu/control-plane/server/store/inference/gateway/service-routes";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

let fresh: FreshDatabase;
let services: ServiceScene;

async function begins({ drains }: { drains: boolean }): Promise<void> {
  services = await ServiceScene.begin(await openControlScene(fresh), { hosts: 2, drains });
}
const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
});
afterEach(async () => {
  const { db, now } = services.scene.api.deps;
  const unwell = (await examine(db, now())).filter(({ state }) => state !== "well");
  await services.scene.close();
  if (unwell.length > 0) throw new Error(`the doctor finds: ${JSON.stringify(unwell)}`);
});

const db = () => services.scene.api.deps.db;
const scale = async (id: string, replicas: number) =>
  await services.request("POST", `/${id}/scale`, { replicas });
async function visible(id: string, rank: number) {
  const found = (await services.replicas(id, { all: "true" })).find((replica) => replica.rank === rank);
  if (found === undefined) throw new Error(`there is no replica ${rank}`);
  return found;
}
const isGone = async (id: string, rank: number) => (await visible(id, rank)).dismissal !== null;
/** Of a replica by its rank. */
async function instanceOf(id: string, rank: number): Promise<InstanceId> {
  const { rows } = await db().query<{ id: InstanceId }>(
    "SELECT id FROM instances WHERE workload_id = $1 AND rank = $2",
    [id, rank],
  );
  return (rows[0] as { id: InstanceId }).id;
}

/** A gateway says that it follows all that was committed until now, or what it says. */
async function reports(gateway: string, id: string, reported: { open?: [number, number]; asOf?: Date }) {
  const { now } = services.scene.api.deps;
  await keepGateway(db(), {
    id: gateway,
    name: gateway,
    tunnel: null,
    webBase: null,
    serviceBase: "http://gateway.example",
    serviceDomain: null,
    now: now(),
  });
  const [rank, open] = reported.open ?? [0, 0];
  const left = open === 0 ? {} : { [await instanceOf(id, rank)]: open };
  const asOf = reported.asOf ?? (await serviceRoutes(db(), [], now())).asOf;
  await writeReport(db(), gateway, {
    asOf,
    services: { [id]: { inFlight: open, held: 0, requests: 9, left } },
  });
}

async function runs(change: object = {}): Promise<string> {
  const id = await services.runs({ min_replicas: 1, max_replicas: 4, ...change });
  await scale(id, 2);
  await services.settle();
  expect(await services.serving(id)).toEqual([0, 1]);
  return id;
}

describe("a service that is scaled down", () => {
  beforeEach(async () => await begins({ drains: true }));

  test("keeps a replica that answers until its gateways and its host have nothing open there, and pays for it", async () => {
    const id = await runs();
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 2 });
    await reports("gw-1", id, {});
    await scale(id, 1);
    await services.loops();

    const routes = (await serviceRoutes(db(), [id], services.scene.api.deps.now())).routes[0];
    expect(routes?.replicas.map(({ instanceId }) => instanceId)).toEqual([await instanceOf(id, 0)]);
    expect(await services.get(id)).toMatchObject({ replicas: 1, ready_replicas: 1, status: "running" });
    await services.round();
    const orders = services.hosts.flatMap(({ desired }) => desired);
    const draining = orders.filter(({ live }) => live.draining === true);
    expect(orders.map(({ want }) => want)).toEqual(["running", "running"]);
    expect(draining.map(({ instanceId }) => instanceId)).toEqual([await instanceOf(id, 1)]);

    // Its gateway follows what was before, then has one open, then its host has some, and then nobody.
    await services.settle();
    expect(await isGone(id, 1)).toBe(false);
    await reports("gw-1", id, { open: [1, 1] });
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 0 });
    await services.settle();
    expect(await isGone(id, 1)).toBe(false);
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 1 });
    await services.round();
    await reports("gw-1", id, {});
    await services.settle();
    expect(await visible(id, 1)).toMatchObject({ want: "running", dismissal: null });
    expect((await visible(id, 1)).runs[0]?.waive_from).toBeNull();
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 0 });
    await services.settle();

    expect(await visible(id, 1)).toMatchObject({ want: "removed", dismissal: "Scaled down to 1." });
    expect((await visible(id, 1)).runs[0]?.waive_from).not.toBeNull();
    expect(await services.serving(id)).toEqual([0]);
    const events = (await services.request("GET", `/${id}/events?limit=100`)).body.items as { new: string }[];
    expect(events.map(({ new: what }) => what)).toEqual(expect.arrayContaining(["draining", "gone"]));
  });

  test("waits for each gateway that runs, and for none that is not seen any more", async () => {
    const id = await runs();
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 0 });
    await reports("gw-1", id, {});
    await reports("gw-2", id, {});
    await scale(id, 1);
    await services.loops();
    await reports("gw-1", id, {});
    await services.settle();
    expect(await isGone(id, 1)).toBe(false);

    await services.pass(61);
    await reports("gw-1", id, {});
    await services.settle();

    expect(await isGone(id, 1)).toBe(true);
  });

  test("waits for a gateway that was killed for fifteen seconds while another reports, and not for a minute", async () => {
    const id = await runs();
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 0 });
    await reports("gw-killed", id, {});
    await scale(id, 1);
    await services.loops();
    /** Before whoever told last, however long the test itself takes. */
    const silentFor = async (seconds: number) =>
      await db().query(
        `UPDATE gateway_reports SET reported_at = (SELECT max(reported_at) FROM gateway_reports) - make_interval(secs => $1)
          WHERE gateway_id = 'gw-killed'`,
        [seconds],
      );
    // Where nobody tells, it is Postgres that was away.
    await silentFor(40);
    await services.settle();
    expect(await isGone(id, 1)).toBe(false);
    await reports("gw-next", id, {});
    await silentFor(15);
    await services.settle();
    expect(await isGone(id, 1)).toBe(false);

    await silentFor(15.001);
    await services.settle();

    expect(await isGone(id, 1)).toBe(true);
  });

  test("cuts off what is open when its time is up, and reports so; a change of that time holds at once", async () => {
    const id = await runs();
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 1 });
    await scale(id, 1);
    await services.settle();
    await services.pass(120);
    await services.settle();
    expect(await isGone(id, 1)).toBe(false);

    await services.request("PATCH", `/${id}`, { config: { drain_seconds: 120 } });
    await services.settle();

    expect((await visible(id, 1)).dismissal).toMatch(/^Scaled down to 1\. .* 120 seconds/);
  });

  test("and up again meanwhile gets a new replica: one that drains takes nothing any more", async () => {
    const id = await runs();
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 1 });
    await scale(id, 1);
    await services.settle();
    await scale(id, 2);
    await services.settle();

    expect(await services.get(id)).toMatchObject({ replicas: 2, ready_replicas: 2 });
    expect((await services.replicas(id)).map(({ rank, draining_since: at }) => [rank, at !== null])).toEqual([
      [0, false],
      [1, true],
      [2, false],
    ]);
  });

  test("goes on where whoever led ended before gateways were notified", async () => {
    const id = await runs();
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 0 });
    await scale(id, 1);
    await services.loops();
    await db().query("UPDATE instances SET drain_announced_at = NULL WHERE workload_id = $1", [id]);
    await reports("gw-1", id, {});
    await services.settle();
    expect(await isGone(id, 1)).toBe(false);

    await reports("gw-1", id, {});
    await services.settle();

    expect(await isGone(id, 1)).toBe(true);
  });

  test("and stopped meanwhile waits for nobody", async () => {
    const id = await runs();
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 1 });
    await scale(id, 1);
    await services.settle();
    await services.request("POST", `/${id}/stop`);
    await services.settle();

    expect((await services.get(id)).status).toBe("stopped");
  });

  test("waits for nothing where its owner wants no drain", async () => {
    const id = await runs({ config: { drain_seconds: 0 } });
    services.text.set(1, { phase: "ready", serving: "yes", openStreams: 1 });
    await scale(id, 1);
    await services.loops();

    expect(await visible(id, 1)).toMatchObject({ draining_since: null, dismissal: "Scaled down to 1." });
  });
});

test("a host that cannot report what is open is not waited for, but the gateways are", async () => {
  await begins({ drains: false });
  const id = await runs();
  await reports("gw-1", id, {});
  await scale(id, 1);
  await services.loops();
  await reports("gw-1", id, { open: [1, 1] });
  await services.settle();
  expect(await isGone(id, 1)).toBe(false);

  await reports("gw-1", id, {});
  await services.settle();

  expect(await isGone(id, 1)).toBe(true);
});

test("a replica on a host that is emptied by a deadline is drained once another serves", async () => {
  await begins({ drains: true });
  const id = await services.runs();
  services.text.set(0, { phase: "ready", serving: "yes", openStreams: 1 });
  const { host_id: hostId } = await visible(id, 0);
  await services.scene.api.request("POST", `/api/v1/hosts/${hostId}/drain`, {
    as: services.scene.api.admin,
    body: { deadline_seconds: 3_600 },
  });
  await services.settle();
  expect(await visible(id, 0)).toMatchObject({ want: "running", draining_since: expect.any(String) });

  services.text.set(0, { phase: "ready", serving: "yes", openStreams: 0 });
  await services.settle();

  expect(await services.serving(id)).toEqual([1]);
});
