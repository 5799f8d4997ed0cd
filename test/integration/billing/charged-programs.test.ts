/**
 * What a customer's own program used is charged, whatever became of it: replicas that never serve, that end by themselves
 * before, and whatever is told to end and takes its time. Played by hosts' reports and journals through the real store. A
 * replica or a rank with a GPU costs 0.11 a minute here; the clock stands still between the steps.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { brokenTimePass } from "@remotegpu/control-plane/server/controllers/billing/broken-time";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { freeLoadingPass } from "@remotegpu/control-plane/server/controllers/billing/free-loading";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { lifecyclePass } from "@remotegpu/control-plane/server/controllers/lifecycle";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { JournalId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { GIB, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openControlScene, type ScriptedHost } from "../../support/worlds/control-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

const BASE_MS = Date.parse("2026-03-10T03:00:00Z");
const GRACE = { stop_grace_seconds: 600 };
let services: ServiceScene;
let journals: Map<string, { journal: SceneJournal; sent: number }>;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: BASE_MS - MS_PER_MINUTE });
  services = await ServiceScene.begin(await openControlScene(await emptyDatabase()), {
    hosts: 3,
    longStops: true,
  });
  journals = new Map();
  await tick();
  at(0);
});
afterEach(async () => {
  vi.useRealTimers();
  await services.scene.close();
});

const at = (minute: number) => void vi.setSystemTime(BASE_MS + minute * MS_PER_MINUTE);
const db = () => services.scene.api.db;
const rows = async <Row>(sql: string, values: unknown[] = []) =>
  (await db().query<Row & object>(sql, values)).rows;

async function leads(): Promise<{ term: number; now: Date }> {
  const now = services.scene.api.deps.now();
  return { term: (await acquireLeadership(db(), { holder: "the test", now })) ?? 0, now };
}
const tick = async () => await chargeDueHours({ db: db(), calendar: CHINA }, await leads());

/** What the leader does about free time. */
async function pass(): Promise<void> {
  await brokenTimePass({ db: db() }, await leads());
  await freeLoadingPass({ db: db(), log: quietLog }, await leads());
}

/** The host's journal proves these minutes of the story; sent now. */
async function proves(
  host: ScriptedHost,
  wanted: DesiredInstance,
  [from, to]: readonly [number, number],
  { final = false } = {},
): Promise<void> {
  const [boot] = await rows<{ utc_at_zero: Date }>("SELECT utc_at_zero FROM host_boots WHERE host_id = $1", [
    host.id,
  ]);
  const inBoot = (minute: number) =>
    Math.round(BASE_MS + minute * MS_PER_MINUTE - (boot?.utc_at_zero.getTime() ?? 0));
  const of = { customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId };
  const known = journals.get(host.id) ?? {
    journal: new SceneJournal(of, undefined, JournalId.parse(host.journalId)),
    sent: 0,
  };
  const { runId: run, instanceId, placementEpoch: epoch } = wanted;
  const seq = known.journal.write({ run, instanceId, epoch, fromMs: inBoot(from), toMs: inBoot(to), final });
  const deps = { db: db(), verify: () => Promise.resolve(true), calendar: CHINA };
  const batch = known.journal.batch(known.sent + 1, seq);
  journals.set(host.id, { ...known, sent: seq });
  expect(await ingestBatch(deps, host.id, batch, services.scene.api.deps.now())).toMatchObject({
    quarantined: 0,
  });
}

/** The host that has it, and what it is told of it. */
function placeOf(rank: number, nth = 0): { host: ScriptedHost; wanted: DesiredInstance } {
  const found = services.hosts.flatMap((host) =>
    host.desired.filter(({ spec }) => spec.hostname.endsWith(`-${rank}`)).map((wanted) => ({ host, wanted })),
  )[nth];
  if (found === undefined) throw new Error(`nobody has replica ${rank}`);
  return found;
}

async function billed({ runId }: DesiredInstance) {
  const [run] = await rows<{ minutes: number; waived: number; from: Date | null; why: string | null }>(
    `SELECT billed_minutes AS minutes, (waived_ms / 60000.0)::float AS waived, waive_from AS from, waive_reason AS why
       FROM runs WHERE id = $1`,
    [runId],
  );
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  return { ...run, from: run.from === null ? null : (run.from.getTime() - BASE_MS) / MS_PER_MINUTE };
}

/** Granted of the payer's allowance, by hours of the story. */
async function loadingByHours(): Promise<number[]> {
  const found = await rows<{ minutes: number }>(
    `SELECT (extract(epoch FROM sum(to_at - from_at)) / 60)::float AS minutes FROM run_waivers
      WHERE reason = 'loading' GROUP BY allowance_of, date_trunc('hour', from_at) ORDER BY min(from_at)`,
  );
  return found.map(({ minutes }) => minutes);
}

describe("a replica that never answers its probe", () => {
  test("is charged from its container's start, the grace that it requested and used included, but for its payer's allowance", async () => {
    services.starts(0);
    const id = await services.ordered({ gpu: 1, config: GRACE });
    await services.settle();
    const { host, wanted } = placeOf(0);
    expect(wanted).toMatchObject({ spec: { gate: "running" }, live: { stopGraceSeconds: 600 } });
    at(4);
    await proves(host, wanted, [0, 4]);
    await pass();
    at(10.6);
    await proves(host, wanted, [4, 10.5]);
    await services.loops();

    expect(await services.get(id)).toMatchObject({ status: "error" });
    at(21);
    await proves(host, wanted, [10.5, 20.6], { final: true });
    await pass();
    at(60);
    await tick();

    expect(await billed(wanted)).toEqual({
      minutes: 11,
      waived: 10,
      from: 20.6,
      why: "stop-by-rule: ordered by control-plane",
    });
    expect(await loadingByHours()).toEqual([10]);
    const [visible] = await services.replicas(id, { all: "true" });
    expect(visible?.runs[0]).toMatchObject({
      waived: [{ reason: "loading", from: "2026-03-10T03:00:00.000Z", to: "2026-03-10T03:10:00.000Z" }],
      charged: "1.2100",
    });
    const posted = await rows<{ kind: string; reason: string | null }>(
      "SELECT source_kind AS kind, reason FROM ledger_transactions WHERE run_id = $1 ORDER BY id",
      [wanted.runId],
    );
    // Its last row came before anybody looked: what was charged with it comes back with the rule's name.
    expect(posted).toMatchObject([
      { kind: "charge", reason: null },
      {
        kind: "credit",
        reason: expect.stringMatching(/^loading since 2026-03-10T03:00:00Z: .*; stop-by-rule: /),
      },
    ]);
    expect(await trialBalance(db())).toMatchObject({ total: "0.0000", unbalancedCustomers: 0 });
  });

  test("is not made again at once by a start of its service, which waits as long as another replica would have", async () => {
    services.starts(0, 1);
    const id = await services.ordered({ gpu: 1 });
    await services.settle();
    at(10.6);
    await services.settle();
    expect(await services.get(id)).toMatchObject({ status: "error" });

    expect((await services.request("POST", `/${id}/start`)).status).toBe(202);
    await services.settle();
    expect(await services.replicas(id)).toEqual([]);
    expect((await services.get(id)).status_reason).toMatch(
      /^Its last replica has failed: the next one is made at 2026-03-10T03:10:4\dZ\.$/,
    );
    at(10.8);
    await services.settle();
    expect(await services.replicas(id)).toMatchObject([{ rank: 1, state: "ready", serving: "not-yet" }]);
    at(21.5);
    await services.settle();
    await services.request("POST", `/${id}/start`);
    at(21.75);
    await services.settle();
    expect(await services.replicas(id)).toEqual([]);
    at(21.9);
    await services.settle();
    expect(await services.replicas(id)).toMatchObject([{ rank: 2 }]);
  });

  test("beside one that is paid for has no more of the allowance, and is made again later and later", async () => {
    services.starts(1, 2, 3);
    const id = await services.ordered({ gpu: 1, min_replicas: 2 });
    await services.settle();
    const [good, first] = [placeOf(0), placeOf(1)];
    at(10.6);
    await proves(good.host, good.wanted, [0, 10.6]);
    await proves(first.host, first.wanted, [0, 10.6], { final: true });
    await services.settle();
    const pauses = async () =>
      (
        await rows<{ failures: number; seconds: number }>(
          `SELECT replica_failures AS failures, extract(epoch FROM replace_after - $1)::int AS seconds
           FROM inference_services WHERE id = '${id}'`,
          [services.scene.api.deps.now()],
        )
      )[0];
    expect(await pauses()).toEqual({ failures: 1, seconds: 10 });
    at(11);
    await services.settle();
    const second = placeOf(2);
    at(21.7);
    await proves(second.host, second.wanted, [11, 21.7], { final: true });
    await services.settle();
    expect(await pauses()).toEqual({ failures: 2, seconds: 20 });
    await pass();
    at(60);
    await tick();

    expect(await billed(first.wanted)).toMatchObject({ minutes: 1, waived: 10 });
    expect(await billed(second.wanted)).toMatchObject({ minutes: 11, waived: 0 });
    expect(await billed(good.wanted)).toMatchObject({ minutes: 11 });
    expect(await loadingByHours()).toEqual([10]);
  });

  test("has one allowance with those of all services, workspaces and members of its payer", async () => {
    services.starts(0);
    const { api } = services.scene;
    const space = (
      await api.request("POST", "/api/v1/workspaces", { as: services.alice, body: { name: "b" } })
    ).body;
    const bob = await services.scene.customer("bob", "0");
    await db().query(
      "INSERT INTO workspace_members (workspace_id, customer_id, role) VALUES ($1, $2, 'member') ON CONFLICT DO NOTHING",
      [space.id, bob.customerId],
    );
    await services.ordered({ gpu: 1, name: "one" });
    const order = { name: "two", image: "server:1", version: "v1", cpu: 1, memory: GIB, gpu: 1 };
    const requested = await services.request("POST", "", { ...order, workspace_id: space.id });
    const bobs = await services.request("POST", "", { ...order, name: "three", workspace_id: space.id }, bob);
    expect([requested.status, bobs.status]).toEqual([201, 201]);
    await services.settle();
    at(8);
    for (const nth of [0, 1, 2]) {
      const { host, wanted } = placeOf(0, nth);
      await proves(host, wanted, [nth, nth + 6]);
    }
    await pass();
    at(9);
    await pass();

    // From minute 0 to 8 somebody loads: one at a time is free, and nobody's time twice.
    expect(await loadingByHours()).toEqual([8]);
    const payers = await rows("SELECT DISTINCT customer_id::int FROM runs WHERE resource_type = 'inference'");
    expect(payers).toEqual([{ customer_id: services.alice.customerId }]);
    at(15);
    for (const nth of [0, 1, 2]) {
      const { host, wanted } = placeOf(0, nth);
      await proves(host, wanted, [nth + 6, 15], { final: true });
    }
    await pass();
    await pass();
    expect(await loadingByHours()).toEqual([10]);
  });
});

test("a replica that ends by itself before it serves, again and again, is charged each time", async () => {
  services.starts(0, 1);
  const id = await services.ordered({ gpu: 1 });
  await services.settle();
  const { host, wanted } = placeOf(0);
  at(9);
  services.text.set(0, { phase: "failed", problem: "exited", exitCode: 1 });
  await proves(host, wanted, [0, 9], { final: true });
  await services.settle();
  at(9.5);
  await services.settle();
  const again = placeOf(1);
  at(18);
  services.text.set(1, { phase: "failed", problem: "exited", exitCode: 1 });
  await proves(again.host, again.wanted, [10, 18], { final: true });
  await services.settle();
  await pass();
  at(60);
  await tick();

  // Ten of the seventeen minutes are the hour's allowance.
  expect(await billed(wanted)).toMatchObject({ minutes: 0, waived: 9 });
  expect(await billed(again.wanted)).toMatchObject({ minutes: 7, waived: 1 });
  expect(await loadingByHours()).toEqual([10]);
  expect((await services.get(id)).cost_so_far).toBe("0.7700");
});

test("a replica that ended of a fault of its host before it served is free, and takes nothing of the allowance twice", async () => {
  services.starts(0);
  await services.ordered({ gpu: 1 });
  await services.settle();
  const { host, wanted } = placeOf(0);
  at(20);
  services.text.set(0, { phase: "failed", problem: "gpu-failed" });
  await services.round();
  await proves(host, wanted, [0, 20], { final: true });
  await pass();
  at(60);
  await tick();

  expect(await billed(wanted)).toMatchObject({ minutes: 0, waived: 20 });
  const found = await rows("SELECT reason FROM run_waivers ORDER BY id");
  expect(found).toEqual([{ reason: "never-ready" }]);
});

test("a replica whose metering opens when it serves, as before, is charged from there and has no allowance", async () => {
  services.starts(0);
  const id = await services.ordered({ gpu: 1 });
  await services.settle();
  const { host, wanted } = placeOf(0);
  await db().query(`UPDATE placements SET spec = jsonb_set(spec, '{gate}', '"probe"')`);
  await db().query("UPDATE runs SET is_loading = NULL");
  services.text.set(0, { phase: "starting", serving: "not-yet" });
  at(5);
  await services.settle();
  expect(await services.serving(id)).toEqual([]);
  services.text.set(0, { phase: "ready", serving: "yes" });
  at(6);
  await services.settle();
  expect(await services.serving(id)).toEqual([0]);
  at(9);
  // An agent that tells nothing of it has opened the meter by the probe all the same.
  services.text.set(0, { phase: "ready", serving: "no" });
  await services.settle();
  expect(await services.replicas(id)).toHaveLength(1);
  at(16);
  await proves(host, wanted, [5.9, 16]);
  await pass();
  at(60);
  await tick();

  expect(await billed(wanted)).toMatchObject({ minutes: 11, waived: 0 });
});

describe("a service states by which rule its replicas are free", () => {
  const waivers = async (id: string) => (await services.get(id)).waivers;

  test("while one loads within its payer's allowance, and once that is used up", async () => {
    services.starts(0);
    const id = await services.ordered({ gpu: 1 });
    await services.settle();
    const { host, wanted } = placeOf(0);
    expect(await services.get(id)).toMatchObject({
      rate_per_hour: "6.6000",
      cost_so_far: "0.0000",
      waivers: [{ rule: "loading", runs: 1, runs_now: 1, rate_now: "6.6000" }],
    });
    at(10.2);
    await proves(host, wanted, [0, 10.2]);
    await pass();

    expect(await services.get(id)).toMatchObject({
      rate_per_hour: "6.6000",
      cost_so_far: "0.1100",
      waivers: [{ rule: "loading", runs: 1, runs_now: 0, rate_now: "0.0000" }],
    });
    at(60);
    expect(await waivers(id)).toMatchObject([{ rule: "loading", runs: 1, runs_now: 1 }]);
  });

  test("of several that load at once only the one that was ordered first, until it serves", async () => {
    services.starts(0);
    const first = await services.ordered({ gpu: 1, name: "one" });
    await services.settle();
    at(1);
    const second = await services.ordered({ gpu: 1, name: "two" });
    await services.settle();
    const nowOf = async (id: string) => (await waivers(id))?.map(({ runs_now }) => runs_now);

    expect([await nowOf(first), await nowOf(second)]).toEqual([[1], []]);
  });

  test("not with an allowance of nothing", async () => {
    await db().query("INSERT INTO settings (key, value) VALUES ('FREE_LOADING_MINUTES', '0')");
    services.starts(0);
    const id = await services.ordered({ gpu: 1 });
    await services.settle();

    expect(await waivers(id)).toEqual([]);
  });

  test("while a card is lost, and after a suspension", async () => {
    const id = await services.runs({ gpu: 1 });
    const { host, wanted } = placeOf(0);
    at(5);
    await proves(host, wanted, [0, 5]);
    const [from, now] = [services.scene.api.deps.now(), services.scene.api.deps.now()];
    await transaction(db(), async (sql) => {
      await waiveBroken(sql, { runId: wanted.runId, reason: "gpu-lost", from, to: null, evidence: {} }, now);
    });

    expect(await services.get(id)).toMatchObject({
      rate_per_hour: "0.0000",
      waivers: [{ rule: "gpu-lost", runs: 1, runs_now: 1, rate_now: "6.6000" }],
    });
    at(6);
    await proves(host, wanted, [5, 6]);
    await db().query(
      "UPDATE runs SET waive_from = $2, waive_reason = 'suspension: account suspended' WHERE id = $1",
      [wanted.runId, from],
    );
    expect(await waivers(id)).toEqual([
      { rule: "gpu-lost", runs: 1, runs_now: 0, rate_now: "0.0000" },
      { rule: "suspension", runs: 1, runs_now: 1, rate_now: "6.6000" },
    ]);
  });
});

describe("after a stop", () => {
  const chosen = [
    [{}, 0],
    [{ config: GRACE }, 10],
  ] as const;

  test.each(chosen)(
    "of a service by its people %j: free from a minute and %d more on",
    async (change, grace) => {
      const id = await services.runs({ gpu: 1, ...change });
      const { wanted } = placeOf(0);
      at(20);
      await services.request("POST", `/${id}/stop`);
      // Nothing that is done about it afterwards makes that earlier.
      await services.loops();
      await services.request("DELETE", `/${id}`);
      await services.loops();

      expect(await billed(wanted)).toMatchObject({
        from: 21 + grace,
        why: `stop-by-person: ordered by customer ${services.alice.customerId}`,
      });
    },
  );

  test.each(chosen)(
    "of a replica that is scaled down %j: free from %d minutes later on",
    async (change, grace) => {
      const config = { drain_seconds: 0, ...("config" in change ? change.config : {}) };
      const id = await services.runs({ gpu: 1, min_replicas: 1, max_replicas: 2, config });
      await services.request("POST", `/${id}/scale`, { replicas: 2 });
      await services.settle();
      const { wanted } = placeOf(1);
      at(20);
      await services.request("POST", `/${id}/scale`, { replicas: 1 });
      await services.loops();

      expect(await billed(wanted)).toMatchObject({
        from: 20 + grace,
        why: "stop-by-rule: ordered by control-plane",
      });
    },
  );

  test("of a job that has had its minutes: the grace that it chose is charged", async () => {
    const { api } = services.scene;
    const size = { cpu: 1, memory: GIB, gpu: 1 };
    const config = { max_minutes: 1, ...GRACE };
    const body = { name: "train", image: "server:1", command: "train", ...size, config };
    const { id } = (await api.request("POST", "/api/v1/training-jobs", { as: services.alice, body })).body;
    await services.round();
    await services.scene.schedule();
    const host = services.hosts.find((one) => one.id === "host-0") ?? services.hosts[0]!;
    await services.round();
    const holder = services.hosts.find(({ desired }) => desired.length > 0) ?? host;
    const [wanted] = holder.desired;
    if (wanted === undefined) throw new Error("the job was not placed");
    await services.scene.workloads();
    at(1.2);
    await lifecyclePass({ db: db(), nudge: () => undefined }, await leads());
    at(12);
    await proves(holder, wanted, [0, 11.2], { final: true });
    at(60);
    await tick();

    expect(
      (await api.request("GET", `/api/v1/training-jobs/${id}`, { as: services.alice })).body,
    ).toMatchObject({
      cost_so_far: "1.3200",
    });
    expect(await billed(wanted)).toMatchObject({ minutes: 12, from: 11.2 });
  });

  test("of a suspended account all is free from then on, and no grace is longer than a minute, of what stops already neither", async () => {
    const id = await services.runs({ gpu: 1, config: GRACE });
    const second = await services.runs({ gpu: 1, name: "other", config: GRACE });
    const [one, other] = [placeOf(0), placeOf(0, 1)];
    at(59);
    for (const { host, wanted } of [one, other]) await proves(host, wanted, [0, 59]);
    await services.scene.api.request("POST", `/api/v1/customers/${services.alice.customerId}/adjustments`, {
      as: services.scene.api.admin,
      body: { amount: "-100000", reason: "a test" },
    });
    await services.request("POST", `/${second}/stop`);
    const stopped = services.hosts.flatMap(({ desired }) => desired).length;
    expect(stopped).toBe(2);
    at(60);
    await tick();
    at(120);
    await tick();

    expect((await services.get(id)).status).toBe("stopping");
    for (const { wanted } of [one, other])
      expect(await billed(wanted)).toMatchObject({ from: 60, why: "suspension: account suspended" });
    const lives = await rows("SELECT DISTINCT (live ->> 'stopGraceSeconds')::int AS seconds FROM placements");
    expect(lives).toEqual([{ seconds: 60 }]);
  });
});
