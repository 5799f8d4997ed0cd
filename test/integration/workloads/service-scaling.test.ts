/** Services that scale by themselves, by what gateways and hosts tell of them: up, down, to none and back, paused and dry. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LeadershipLostError } from "@remotegpu/control-plane/server/store/database/leader";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { wakeService } from "@remotegpu/control-plane/server/store/inference/gateway/waking";
import { changeReplicaRequests } from "@remotegpu/control-plane/server/store/inference/replica-requests";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { eventually } from "../../support/eventually.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { ScriptedGateway } from "../../support/worlds/services/scripted-gateway.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

/** Twice as long as in the product, so that half as many do. */
const CHECK_SECONDS = 4;
const MINUTES_PER_CHECK = CHECK_SECONDS / 60;
/** More than the minute over which it looks back, and the shortest delay. */
const A_WHILE = 18;
const QUICK = { target_qps: 1_000, scale_down_delay: 10 };
const QUOTA = { memory_quota: 100_000, gpu_quota: 0, storage_quota: GIB, environment_quota: 1 };
const TO_ZERO = { min_replicas: 0, autoscaling_config: { ...QUICK, scale_to_zero_after: 20 } };

let fresh: FreshDatabase;
let services: ServiceScene;
let gateway: ScriptedGateway;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  services = await ServiceScene.begin(await openControlScene(fresh), { hosts: 2 });
  gateway = new ScriptedGateway("gw-1", services.scene.api.deps);
});
afterEach(async () => {
  const { db, now } = services.scene.api.deps;
  const unwell = (await examine(db, now())).filter(({ state }) => state !== "well");
  await services.scene.close();
  if (unwell.length > 0) throw new Error(`the doctor finds: ${JSON.stringify(unwell)}`);
});

const scaling = async (change: object = {}) =>
  await services.runs({ max_replicas: 3, autoscaling_enabled: true, autoscaling_config: QUICK, ...change });

/** So many looks at a load. */
async function checks(
  id: string,
  times: number,
  load: { qps?: number; inFlight?: number; held?: number } = {},
): Promise<void> {
  for (let nth = 0; nth < times; nth += 1) {
    services.scene.api.passMinutes(MINUTES_PER_CHECK);
    await gateway.report(id, load);
    await services.scene.autoscaling();
  }
}

async function events(
  id: string,
  kind: string,
): Promise<{ old: string; new: string; reason: string; actor: string }[]> {
  const { items } = (await services.request("GET", `/${id}/events?limit=200`)).body;
  return items.filter((event: { kind: string }) => event.kind === kind);
}

describe("a service from 1 to 3 replicas that aims at 1,000 requests a second of each", () => {
  test.each([
    [2_500, 1, 3],
    [9_000, 1, 3],
    [0, 3, 1],
    [900, 1, 1],
  ])("settles, at %i requests a second and with %i replicas, at %i", async (qps, begins, settles) => {
    const id = await scaling({ autoscaling_config: { ...QUICK, paused: true } });
    await services.request("POST", `/${id}/scale`, { replicas: begins });
    await services.settle();
    await services.request("POST", `/${id}/resume`);

    await checks(id, A_WHILE, { qps });
    await services.settle();

    expect(await services.get(id)).toMatchObject({ replicas: settles, ready_replicas: settles });
    expect(await events(id, "scaled")).toHaveLength(begins === settles ? 0 : begins === 1 ? 1 : 2);
  });

  test("stays as it is with autoscaling off, whatever comes", async () => {
    const id = await scaling({ autoscaling_enabled: false });

    await checks(id, A_WHILE, { qps: 9_000 });

    expect(await services.get(id)).toMatchObject({ replicas: 1, autoscaling: null });
  });

  test("states in its events and in its answer what was decided and why", async () => {
    const id = await scaling();

    await checks(id, 6, { qps: 2_500 });

    const why = expect.stringMatching(
      /^It goes from 1 to 3 replicas: for 6 s there was work for 2\.5 or more/,
    );
    const [scaled] = await events(id, "scaled");
    expect(scaled).toMatchObject({ old: "1", new: "3", actor: "autoscaling", reason: why });
    await checks(id, 1, { qps: 2_500 });
    expect((await services.get(id)).autoscaling).toMatchObject({
      is_in_charge: true,
      wish: 3,
      reason: expect.stringMatching(/^It stays at 3 replicas: there is work for 2\.5; now 2500 requests/),
      decisions: [{ from: 1, to: 3, actor: "autoscaling", would: false, reason: why }],
    });
  });

  test("counts those that still start as capacity, and scales once for what finds no place", async () => {
    const id = await scaling();
    for (const { id: hostId } of services.hosts)
      await services.scene.api.db.query("UPDATE hosts SET cordoned = true WHERE id = $1", [hostId]);

    await checks(id, 6, { qps: 2_500 });
    await services.settle();
    await checks(id, A_WHILE, { qps: 2_500 });

    expect(await events(id, "scaled")).toHaveLength(1);
    expect(await services.get(id)).toMatchObject({
      replicas: 3,
      ready_replicas: 1,
      waiting_replicas: 2,
      status_reason: expect.stringContaining("Waiting for a place"),
    });
    const waiting = (await services.replicas(id, { all: "true" })).filter(({ runs }) => runs.length === 0);
    expect(waiting.length + 1).toBeGreaterThanOrEqual((await services.replicas(id)).length);
    await services.scene.api.db.query("UPDATE hosts SET cordoned = false");
    await services.settle();
    expect(await services.serving(id)).toEqual([0, 1, 2]);
  });

  test("shows what the funds do not cover, which costs nothing, and keeps what it has", async () => {
    const id = await scaling();
    const { customerId } = services.alice;
    await fresh.database.query("UPDATE customers SET balance = 1 WHERE id = $1", [customerId]);

    await checks(id, 6, { qps: 2_500 });
    await services.settle();

    const visible = await services.get(id);
    expect(visible).toMatchObject({ replicas: 3, ready_replicas: 1, autoscaling: { wish: 3 } });
    expect(visible.status_reason).toContain("Waiting for funds");
    expect((await services.replicas(id)).flatMap(({ runs }) => runs)).toHaveLength(1);
    await fresh.database.query("UPDATE customers SET balance = 100000 WHERE id = $1", [customerId]);
  });

  test("shows what the quota does not cover, which costs nothing, until it covers more", async () => {
    const id = await scaling();
    const allows = async (cpus: number) => {
      const path = `/api/v1/customers/${services.alice.customerId}/quota`;
      const body = { ...QUOTA, cpu_quota: cpus };
      const answer = await services.scene.api.request("PUT", path, { as: services.scene.api.admin, body });
      expect(answer.status).toBe(200);
    };
    await allows(1);

    await checks(id, 6, { qps: 2_500 });
    await services.settle();
    await checks(id, A_WHILE, { qps: 2_500 });

    expect(await events(id, "scaled")).toHaveLength(1);
    const visible = await services.get(id);
    expect(visible).toMatchObject({
      status: "running",
      replicas: 3,
      ready_replicas: 1,
      waiting_replicas: 2,
      autoscaling: { wish: 3 },
    });
    expect(visible.status_reason).toContain("Waiting for quota: cpu_quota of the customer is 1: ");
    expect((await services.replicas(id, { all: "true" })).flatMap(({ runs }) => runs)).toHaveLength(1);
    await allows(2);
    await services.settle();
    expect(await services.serving(id)).toHaveLength(2);
    expect((await services.get(id)).waiting_replicas).toBe(1);
    await allows(3);
    await services.settle();
    expect(await services.serving(id)).toHaveLength(3);
  });
});

describe("what is not known lowers nothing:", () => {
  const three = async () => {
    const id = await scaling();
    await checks(id, 6, { qps: 2_500 });
    await services.settle();
    return id;
  };

  test("a gateway that is dead, until its row states so, and that has reported nothing yet", async () => {
    const id = await three();
    const other = new ScriptedGateway("gw-2", services.scene.api.deps);
    await other.live();
    for (let nth = 0; nth < A_WHILE; nth += 1) {
      await other.live();
      await checks(id, 1);
    }
    expect((await services.get(id)).replicas).toBe(3);
    expect((await services.get(id)).autoscaling?.reason).toContain("at gateway gw-2");

    await other.end();
    await checks(id, A_WHILE);

    expect((await services.get(id)).replicas).toBe(1);
  });

  test("that no gateway runs at all", async () => {
    const id = await three();
    await gateway.end();
    for (let nth = 0; nth < A_WHILE; nth += 1) {
      services.scene.api.passMinutes(MINUTES_PER_CHECK);
      await services.scene.autoscaling();
    }

    expect((await services.get(id)).replicas).toBe(3);
  });

  test("a hole in the checks, after which it begins anew", async () => {
    const id = await three();
    await checks(id, 10);
    services.scene.api.passMinutes(1);
    await checks(id, 10);
    expect((await services.get(id)).replicas).toBe(3);

    await checks(id, A_WHILE);

    expect((await services.get(id)).replicas).toBe(1);
  });
});

test("it goes by what hosts report of the processors of its replicas, where nothing else is set", async () => {
  const id = await services.runs({ max_replicas: 3, autoscaling_enabled: true });
  let cpuMs = 0;
  const noted = async () =>
    (await fresh.database.query<{ cpu_ms: number }>("SELECT cpu_ms FROM instance_figures")).rows;
  const beat = async (busyMs: number) => {
    cpuMs += busyMs;
    for (const host of services.hosts)
      await host.heartbeat({
        figures: host.desired.map(({ instanceId, placementEpoch, runId }) => ({
          instanceId,
          placementEpoch,
          runId,
          cpuMs,
          networkInBytes: null,
          networkOutBytes: null,
          lastOutputAgeMs: null,
        })),
      });
    const replicas = services.hosts.reduce((count, { desired }) => count + desired.length, 0);
    const areNoted = async () => {
      const rows = await noted();
      return rows.length >= replicas && rows.every(({ cpu_ms: ms }) => ms === cpuMs);
    };
    await eventually(areNoted, { what: "the figures" });
    await checks(id, 2);
  };

  await beat(0);
  for (let nth = 0; nth < 4; nth += 1) await beat(12_000);

  const visible = await services.get(id);
  expect(visible.replicas).toBeGreaterThan(1);
  expect(visible.autoscaling?.decisions[0]?.reason).toContain("percent of cores with target_cpu 80");
});

describe("a service that may sleep", () => {
  const asleep = async (change: object = {}) => {
    const id = await scaling({ ...TO_ZERO, ...change });
    await checks(id, A_WHILE);
    await services.settle();
    return id;
  };
  const wake = async (id: string) =>
    await transaction(services.scene.api.db, (sql) => wakeService(sql, id, services.scene.api.deps.now()));

  test("does so once there are no requests, and is woken by the first of many requests, with one replica", async () => {
    const id = await asleep();
    expect(await services.get(id)).toMatchObject({ status: "running", replicas: 0, instances: [] });
    expect((await events(id, "scaled"))[0]?.reason).toMatch(/no request for \d+ s, and none in flight/);

    const woken = await Promise.all(Array.from({ length: 10 }, () => wake(id)));
    await services.settle();

    expect(woken.filter(Boolean)).toHaveLength(1);
    expect(await services.get(id)).toMatchObject({ replicas: 1, ready_replicas: 1 });
    expect(await services.serving(id)).toEqual([1]);
    const scaled = await events(id, "scaled");
    expect(scaled[0]).toMatchObject({ old: "0", new: "1", actor: "gateway", reason: "A request woke it." });
    await checks(id, A_WHILE);
    expect((await services.get(id)).replicas).toBe(0);
  });

  test("is woken by what gateways report that they hold, too", async () => {
    const id = await asleep();

    await checks(id, 1, { held: 20 });

    expect((await services.get(id)).replicas).toBe(1);
    expect((await events(id, "scaled"))[0]?.reason).toBe("It goes from 0 to 1 replica: 20 requests wait.");
  });

  test("does not before its first replica was ready", async () => {
    const id = await services.ordered({ autoscaling_enabled: true, ...TO_ZERO });
    services.starts(0);
    await services.settle();

    await checks(id, A_WHILE);

    expect(await services.get(id)).toMatchObject({ status: "creating", replicas: 1 });
  });

  test("is not woken while it is stopped, and sleeps on when it is started", async () => {
    const id = await asleep();
    await services.request("POST", `/${id}/stop`);
    await services.settle();

    expect(await wake(id)).toBe(false);
    await checks(id, 3, { held: 5 });
    expect(await services.get(id)).toMatchObject({ status: "stopped", replicas: 0 });

    await services.request("POST", `/${id}/start`);
    await services.settle();
    expect(await services.get(id)).toMatchObject({ status: "running", replicas: 0 });
    expect(await wake(id)).toBe(true);
  });

  test("is not woken where its number is left to people", async () => {
    const id = await asleep();
    await services.request("POST", `/${id}/pause`);

    expect(await wake(id)).toBe(false);

    expect((await services.get(id)).replicas).toBe(0);
    await services.request("POST", `/${id}/resume`);
    expect(await wake(id)).toBe(true);
  });
});

describe("a number that is left to people", () => {
  test("stays as it is when autoscaling is paused, and when it goes on", async () => {
    const id = await scaling();
    await checks(id, 6, { qps: 2_500 });
    await services.settle();

    await services.request("POST", `/${id}/pause`);
    expect((await services.get(id)).replicas).toBe(3);
    expect(await services.request("POST", `/${id}/scale`, { replicas: 2 })).toMatchObject({ status: 202 });
    await checks(id, A_WHILE, { qps: 100 });
    expect(await services.get(id)).toMatchObject({
      replicas: 2,
      autoscaling: {
        is_in_charge: false,
        wish: 1,
        decisions: [{ from: 3, to: 1, would: true }, { to: 2 }, { to: 3 }],
      },
    });

    expect(await services.request("POST", `/${id}/resume`)).toMatchObject({
      status: 202,
      body: { replicas: 2 },
    });
    await checks(id, A_WHILE, { qps: 100 });
    expect((await services.get(id)).replicas).toBe(1);
  });

  test("stays as it is in a dry run, which reports once what would be", async () => {
    const id = await scaling({ autoscaling_dry_run: true });

    await checks(id, A_WHILE, { qps: 2_500 });

    expect(await events(id, "would-scale")).toMatchObject([
      { old: "1", new: "3", reason: expect.stringMatching(/^It runs dry, and would have gone from 1 to 3/) },
    ]);
    expect(await events(id, "scaled")).toEqual([]);
    expect(await services.get(id)).toMatchObject({
      replicas: 1,
      autoscaling_dry_run: true,
      autoscaling: { is_in_charge: false, wish: 3 },
    });
    expect((await services.request("POST", `/${id}/scale`, { replicas: 2 })).status).toBe(202);
    await services.request("PATCH", `/${id}`, { autoscaling_dry_run: false });
    expect((await services.get(id)).replicas).toBe(2);
    expect((await services.request("POST", `/${id}/scale`, { replicas: 3 })).status).toBe(409);
    await checks(id, 6, { qps: 2_500 });
    expect((await services.get(id)).replicas).toBe(3);
    await services.request("PATCH", `/${id}`, { autoscaling_enabled: false });
    expect((await services.get(id)).replicas).toBe(3);
  });
});

test("replica requests that are written in any order, at once, come to the same number", async () => {
  const id = await scaling({ min_replicas: 0, max_replicas: 9 });
  const { db, now } = services.scene.api.deps;
  const changes = [{ load_replicas: 4 }, { woken_at: now() }, { max: 3 }, { people: 7 }, { min: 1 }];
  const write = async (change: object) =>
    await transaction(db, (sql) => changeReplicaRequests(sql, id, change));

  for (const order of [changes, changes.toReversed()]) {
    await write({ load_replicas: 0, woken_at: null, max: 9, people: null, min: 0 });
    for (const change of order) await write(change);
    expect((await services.get(id)).replicas).toBe(3);
  }
});

test.each(["scaling_checks", "inference_services", "events"])(
  "a control plane that is killed between a decision and what comes of it, when it writes %s, leaves the check before",
  async (table) => {
    const id = await scaling();
    const { database: owner } = fresh;
    await checks(id, 3, { qps: 2_500 });
    const stored = async () => (await owner.query("SELECT * FROM scaling_checks")).rows;
    const before = await stored();
    services.scene.api.passMinutes(MINUTES_PER_CHECK);
    await gateway.report(id, { qps: 2_500 });
    await owner.query(
      `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'killed'; END $$;
       CREATE TRIGGER dies BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION die()`,
    );

    expect(await services.scene.autoscaling()).toBe(false);

    expect(await stored()).toEqual(before);
    expect((await services.get(id)).replicas).toBe(1);
    await owner.query("DROP FUNCTION die CASCADE");
    await expect(services.scene.autoscaling({ term: 999 })).rejects.toThrow(LeadershipLostError);
    expect(await services.scene.autoscaling()).toBe(true);
    expect((await services.get(id)).replicas).toBe(3);
    expect(await events(id, "scaled")).toHaveLength(1);
  },
);
