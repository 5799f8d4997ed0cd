/** What the time costs between an order and the host's answer, or without any answer. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { cutOffRulesPass } from "@remotegpu/control-plane/server/controllers/billing/cut-off-rules";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";

let scene: ControlScene;
let alice: Caller & { customerId: number };
let host: ScriptedHost;
let journal: SceneJournal;
let seq = 0;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice", "40");
  host = await scene.host("host-a", { gpus: 1 });
  journal = new SceneJournal({ customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId });
  seq = 0;
  await tick();
});
afterEach(async () => await scene.close());

async function running(): Promise<{ id: string; wanted: DesiredInstance; fromMs: number }> {
  const { id } = (await scene.order(alice, { gpu: 1 })).body;
  await scene.schedule();
  const wanted = (await host.round()).find(({ want }) => want === "running")!;
  return { id, wanted, fromMs: await hostMs() };
}

/** Now, on the host's clock. */
async function hostMs(): Promise<number> {
  const { rows } = await scene.api.db.query<{ utc_at_zero: Date }>("SELECT utc_at_zero FROM host_boots");
  return scene.api.deps.now().getTime() - (rows[0]?.utc_at_zero.getTime() ?? 0);
}

/** Proven for so many minutes from then on; sent now. */
async function proves(
  { wanted, fromMs }: { wanted: DesiredInstance; fromMs: number },
  { minutes, final = false }: { minutes: readonly [number, number]; final?: boolean },
): Promise<void> {
  const [from, to] = minutes.map((minute) => fromMs + minute * MS_PER_MINUTE);
  journal.write({
    run: wanted.runId,
    instanceId: wanted.instanceId,
    epoch: wanted.placementEpoch,
    fromMs: from ?? 0,
    toMs: to ?? 0,
    final,
  });
  seq += 1;
  const deps = { db: scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA };
  await ingestBatch(deps, host.id, journal.batch(seq, seq), scene.api.deps.now());
}

/** What the leader does about money. Answers the hosts that were nudged for it. */
async function tick(): Promise<string[]> {
  const { db, now } = scene.api.deps;
  const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;
  await chargeDueHours({ db, calendar: CHINA }, { term, now: now() });
  const nudged: string[] = [];
  await cutOffRulesPass({ db, nudge: (hostId) => void nudged.push(hostId) }, { term, now: now() });
  return nudged;
}

async function runOf({ runId }: DesiredInstance) {
  const { rows } = await scene.api.db.query<{ proven: number; billed: number; closed: boolean }>(
    "SELECT proven_ms / 60000 AS proven, billed_minutes AS billed, closed_at IS NOT NULL AS closed FROM runs WHERE id = $1",
    [runId],
  );
  return rows[0];
}

const stop = async (id: string) =>
  await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });

test("a stop that its host hears hours later is charged for a minute beyond the order", async () => {
  const run = await running();
  scene.api.passMinutes(10);
  await stop(run.id);
  scene.api.passMinutes(170);

  await proves(run, { minutes: [0, 180], final: true });

  expect(await runOf(run.wanted)).toMatchObject({ proven: 180, closed: true });
  // Ten minutes and a started eleventh, and the minute after the order; the test's own time may begin one more.
  expect((await runOf(run.wanted))?.billed).toBeGreaterThanOrEqual(11);
  expect((await runOf(run.wanted))?.billed).toBeLessThanOrEqual(12);
});

test("what an earlier placement is found to have run after a new one was made is metered and not charged", async () => {
  const run = await running();
  scene.api.passMinutes(10);
  await host.heartbeat();
  await host.report([host.observedOf(run.wanted, { phase: "stopped" })]);
  await scene.api.request("POST", `/api/v1/environments/${run.id}/start`, { as: alice });
  await host.heartbeat();
  expect((await scene.schedule()).placed).toEqual([run.id]);
  scene.api.passMinutes(30);

  await proves(run, { minutes: [0, 40], final: true });

  const found = await runOf(run.wanted);
  expect(found).toMatchObject({ proven: 40, closed: true });
  expect(found?.billed).toBeGreaterThanOrEqual(10);
  expect(found?.billed).toBeLessThanOrEqual(11);
});

test("a host that is declared lost: its runs end at their last proven moment, which is charged, and nothing after it", async () => {
  const run = await running();
  scene.api.passMinutes(30);
  await proves(run, { minutes: [0, 10] });
  scene.api.passMinutes(60);

  await scene.api.request("DELETE", "/api/v1/hosts/host-a?lost=true", { as: scene.api.admin });
  scene.api.passMinutes(60);
  await tick();

  expect(await runOf(run.wanted)).toEqual({ proven: 10, billed: 10, closed: true });
});

describe("money that is nearly used up", () => {
  const reported = async () => (await host.pull())[0]?.live;
  const hours = (seconds: number | null | undefined) => (seconds ?? 0) / 3_600;
  const topUp = async (amount: string) =>
    await scene.api.request("POST", `/api/v1/customers/${alice.customerId}/top-ups`, {
      as: scene.api.admin,
      body: { amount },
    });

  test("arms the stop of a cut-off host with the placement itself, and counts down by new generations", async () => {
    const run = await running();

    // 40 points last six hours at 6.6 an hour; one or two more are what a host that is heard would have, too.
    const first = await reported();
    expect(first?.onDisconnect).toBe("stop_after");
    expect(hours(first?.stopAfterSeconds)).toBeGreaterThanOrEqual(7);
    expect(hours(first?.stopAfterSeconds)).toBeLessThanOrEqual(8.5);
    expect(await tick()).toEqual([]);

    scene.api.passMinutes(60);
    await host.heartbeat();
    await proves(run, { minutes: [0, 60] });
    const { generation } = await host.heartbeat().then(() => host.applied);
    expect(await tick()).toEqual(["host-a"]);
    const second = await reported();
    expect(host.applied.generation).toBe(generation + 1);
    expect(hours(first?.stopAfterSeconds) - hours(second?.stopAfterSeconds)).toBeCloseTo(1, 0);
  });

  test("what is proven and not charged yet counts, and so does what a silent host may have used", async () => {
    const run = await running();
    const first = hours((await reported())?.stopAfterSeconds);

    scene.api.passMinutes(120);
    await host.heartbeat();
    await proves(run, { minutes: [0, 120] });
    const { db, now } = scene.api.deps;
    const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;
    const pass = async () => {
      await cutOffRulesPass({ db, nudge: () => undefined }, { term, now: now() });
      const { rows } = await db.query<{ seconds: number }>(
        "SELECT (live->>'stopAfterSeconds')::int AS seconds FROM placements",
      );
      return hours(rows[0]?.seconds);
    };
    // No hour was charged.
    expect(first - (await pass())).toBeCloseTo(2, 0);
    await db.query("UPDATE hosts SET last_heartbeat = last_heartbeat - interval '1 hour'");
    expect(first - (await pass())).toBeCloseTo(3, 0);
  });

  test("a payment disarms it at once, and a limit does; nothing is reported twice", async () => {
    await running();
    scene.api.nudged.length = 0;

    await topUp("1000");
    expect(scene.api.nudged).toEqual(["host-a"]);
    expect(await reported()).toMatchObject({ onDisconnect: "keep", stopAfterSeconds: null });
    expect(await tick()).toEqual([]);

    await scene.api.request("POST", `/api/v1/customers/${alice.customerId}/adjustments`, {
      as: scene.api.admin,
      body: { amount: "-1000", reason: "a mistake" },
    });
    await host.heartbeat();
    expect(await reported()).toMatchObject({ onDisconnect: "stop_after" });
    await scene.api.request("PATCH", `/api/v1/customers/${alice.customerId}`, {
      as: scene.api.admin,
      body: { credit_limit: "1000" },
    });
    expect(await reported()).toMatchObject({ onDisconnect: "keep" });
  });

  test("what has no price burns nothing, and runs on", async () => {
    await running();
    await scene.api.db.query("UPDATE runs SET spec = 'nowhere'");

    expect(await tick()).toEqual(["host-a"]);

    expect(await reported()).toMatchObject({ onDisconnect: "keep" });
  });

  test("a host that stopped for it reports so, and is charged up to then", async () => {
    const run = await running();
    scene.api.passMinutes(60 * 5);
    await host.heartbeat();
    const detail = "Stopped: no contact to the control plane for 14400 s, as ordered for that case.";

    await host.report([host.observedOf(run.wanted, { phase: "stopped", detail })]);
    await proves(run, { minutes: [0, 240], final: true });

    expect(await scene.get(alice, run.id)).toMatchObject({ status: "stopped", status_reason: detail });
    expect(await runOf(run.wanted)).toEqual({ proven: 240, billed: 240, closed: true });
  });
});
