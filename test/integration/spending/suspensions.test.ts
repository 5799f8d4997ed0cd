/** What a suspension does to all that runs, through API, hour tick and hosts, and what a payment does and does not undo. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { reconcile } from "@remotegpu/agent/core/reconcile/reconcile";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { lockEnvironment } from "@remotegpu/control-plane/server/store/environments/environments";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { eventually } from "../../support/eventually.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import {
  card,
  type Customer,
  jobAt,
  openPlacementScene,
  place,
  type PlacementScene,
  whole,
} from "../../support/placement/placement-scene.ts";
import type { ScriptedHost } from "../../support/worlds/control-scene.ts";
import { containerOf, exited, key, reconcileInput, recordOf } from "../../support/samples/run-samples.ts";

const WAITS_FOR_A_LOCK =
  "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

let scene: PlacementScene;
let counter = 0;

beforeAll(async () => {
  scene = await openPlacementScene();
  await leaderTick();
});
afterAll(async () => await scene.close());

async function leaderTick() {
  const { db, now } = scene.api.deps;
  const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;
  return await chargeDueHours({ db, calendar: CHINA }, { term, now: now() });
}

interface World {
  payer: Customer;
  host: ScriptedHost;
  journal: SceneJournal;
}

/** A host of its own for each test, and a customer with so much money. */
async function world(balance: string): Promise<World> {
  counter += 1;
  const payer = await scene.customer(`payer-${counter}`, balance);
  const host = await scene.host(`host-${counter}`, { gpus: 2 });
  const scope = { customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId };
  return { payer, host, journal: new SceneJournal(scope) };
}

/** Each is proven from the host's clock at `from` to that at `to` (moments of ours), and sent. */
async function proves(
  { host, journal }: World,
  { runs, from, to, final = false }: { runs: DesiredInstance[]; from: Date; to: Date; final?: boolean },
): Promise<void> {
  const [boot] = await scene.rows<{ zero: Date }>(
    "SELECT utc_at_zero AS zero FROM host_boots WHERE host_id = $1",
    [host.id],
  );
  const clock = (moment: Date) => moment.getTime() - (boot?.zero.getTime() ?? 0);
  for (const run of runs) {
    const seq = journal.write({
      run: run.runId,
      instanceId: run.instanceId,
      epoch: run.placementEpoch,
      fromMs: clock(from),
      toMs: clock(to),
      final,
    });
    const deps = { db: scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA };
    await ingestBatch(deps, host.id, journal.batch(seq, seq), scene.api.deps.now());
  }
}

/** To a minute after the next full hour. */
function passToNextHour(): Date {
  const now = scene.api.deps.now().getTime();
  const hour = Math.ceil(now / MS_PER_HOUR) * MS_PER_HOUR;
  scene.api.passMinutes(Math.ceil((hour - now) / MS_PER_MINUTE) + 1);
  return new Date(hour);
}

/**
 * Uses up money for an hour and a minute, which the second full hour finds gone. Answers the third one, which suspends.
 */
async function suspend(world: World, runs: DesiredInstance[], since: Date): Promise<Date> {
  passToNextHour();
  const overdueAt = passToNextHour();
  await proves(world, { runs, from: since, to: overdueAt });
  await leaderTick();
  expect(await statusOf(world.payer)).toBe("overdue");
  const suspendedAt = passToNextHour();
  await world.host.heartbeat();
  await leaderTick();
  expect(await statusOf(world.payer)).toBe("suspended");
  return suspendedAt;
}

const statusOf = async ({ customerId }: Customer) =>
  (await scene.api.request("GET", `/api/v1/customers/${customerId}`, { as: scene.api.admin })).body
    .overdue_status;

const topUp = async ({ customerId }: Customer, amount: string) =>
  await scene.api.request("POST", `/api/v1/customers/${customerId}/top-ups`, {
    as: scene.api.admin,
    body: { amount },
  });

test("a suspension stops an environment for good: after a payment it runs only if it is started, by a new run", async () => {
  const one = await world("6.7");
  const { payer, host } = one;
  const { id } = (await scene.order(payer, { gpu: 1 })).body;
  await scene.schedule();
  const since = scene.api.deps.now();
  const [running] = await host.round();
  const before = host.applied.generation;

  const suspendedAt = await suspend(one, [running!], since);

  expect(await scene.get(payer, id)).toMatchObject({
    status: "stopping",
    status_reason: expect.stringContaining("suspended"),
  });
  const [ordered] = await host.pull();
  expect(ordered).toMatchObject({ runId: running!.runId, want: "stopped", orderedBy: "account" });
  expect(host.applied.generation).toBeGreaterThan(before);

  // The payment comes while the host is stopping. The stop stands, and so does that its time is free.
  expect((await topUp(payer, "500")).body).toMatchObject({ overdue_status: "normal" });
  expect((await host.pull())[0]).toMatchObject({ want: "stopped" });
  scene.api.passMinutes(15);
  await host.heartbeat();
  await proves(one, {
    runs: [running!],
    from: since,
    to: new Date(suspendedAt.getTime() + 10 * MS_PER_MINUTE),
    final: true,
  });
  await host.report([host.observedOf(running!, { phase: "stopped" })]);
  const stopped = await scene.get(payer, id);
  expect(stopped).toMatchObject({
    status: "stopped",
    status_reason: expect.stringContaining("money"),
    instances: [
      {
        runs: [
          {
            waived_ms: 10 * MS_PER_MINUTE,
            waive_from: suspendedAt.toISOString(),
            waive_reason: "suspension: account suspended",
          },
        ],
      },
    ],
  });

  // Nothing of ours starts it again, and neither does its host, whatever is left of it there.
  const wanted = await host.round({ phase: "stopped" });
  expect((await scene.schedule()).placed).toEqual([]);
  await scene.lifecycle();
  await leaderTick();
  const run = key({ instance: running!.instanceId, run: running!.runId });
  const left = { observed: [containerOf(run, exited(0))], runs: [recordOf(run)] };
  for (const set of [[ordered!], wanted]) {
    const actions = reconcile(reconcileInput({ ...left, desired: set }));
    expect(actions.filter(({ kind }) => kind === "start" || kind === "restart")).toEqual([]);
  }
  expect((await scene.get(payer, id)).status).toBe("stopped");

  const started = await scene.api.request("POST", `/api/v1/environments/${id}/start`, { as: payer });
  expect(started.status).toBe(202);
  await host.heartbeat();
  expect((await scene.schedule()).placed).toEqual([id]);
  const again = (await host.round()).find(({ want }) => want === "running");
  expect(again?.runId).not.toBe(running!.runId);
});

test("ranks of a job and replicas of a service get the stop order, too, with the reason", async () => {
  const one = await world("13.4");
  const { payer, host } = one;
  const job = await scene.job(payer);
  await scene.commit([
    jobAt(job, place(host.id, whole(card(host.id, 0))), place(host.id, whole(card(host.id, 1)))),
  ]);
  const since = scene.api.deps.now();
  const [rank, replica] = await host.round();
  await scene.rows(
    `INSERT INTO inference_services (id, customer_id, name, image, status) VALUES ('a-service', $1, 'a', 'b', 'running')`,
    [payer.customerId],
  );
  await scene.rows("UPDATE runs SET resource_type = 'inference', resource_id = 'a-service' WHERE id = $1", [
    replica!.runId,
  ]);

  const at = await suspend(one, [rank!, replica!], since);

  expect((await host.pull()).map(({ want, orderedBy }) => [want, orderedBy])).toEqual([
    ["stopped", "account"],
    ["stopped", "account"],
  ]);
  const reported = await scene.rows(
    `SELECT workload_kind, actor, at FROM events WHERE kind = 'stop-ordered' AND customer_id = $1 ORDER BY 1`,
    [payer.customerId],
  );
  expect(reported).toEqual([
    { workload_kind: "inference", actor: "account", at },
    { workload_kind: "training", actor: "account", at },
  ]);
  const reasons = await scene.rows<{ why: string }>(
    `SELECT status_reason AS why FROM training_jobs WHERE id = $1
     UNION ALL SELECT status_reason FROM inference_services WHERE id = 'a-service'`,
    [job],
  );
  expect(reasons.map(({ why }) => why)).toEqual(Array(2).fill(expect.stringContaining("suspended")));
});

test("a suspension holds environments before runs, as whoever stops one does, so that nobody waits in a circle", async () => {
  const { payer, host } = await world("6.7");
  const { id } = (await scene.order(payer, { gpu: 1 })).body;
  await scene.schedule();
  const [running] = await host.round();
  await scene.rows(
    "UPDATE customers SET balance = 0, overdue_status = 'overdue', overdue_since = now() WHERE id = $1",
    [payer.customerId],
  );
  passToNextHour();

  // In an object, since a bare promise would be waited for within the transaction.
  const { ticked } = await transaction(scene.api.db, async (sql) => {
    await lockEnvironment(sql, id);
    const tick = leaderTick();
    await eventually(async () => (await scene.rows(WAITS_FOR_A_LOCK)).length > 0, {
      what: "the suspension waiting for the environment",
    });
    await sql.query("SELECT FROM runs WHERE id = $1 FOR NO KEY UPDATE NOWAIT", [running!.runId]);
    return { ticked: tick };
  });
  await ticked;

  expect(await statusOf(payer)).toBe("suspended");
  expect((await scene.get(payer, id)).status).toBe("stopping");
});

test("the start rule counts everything that runs and waits, and the credit limit is money", async () => {
  const { payer } = await world("13.3");
  const order = async () => (await scene.order(payer, { gpu: 1 })).status;

  // An hour of one costs 6.6, so the balance lasts for an hour of two, and not of three.
  expect([await order(), await order(), await order()]).toEqual([201, 201, 402]);
  await scene.api.request("PATCH", `/api/v1/customers/${payer.customerId}`, {
    as: scene.api.admin,
    body: { credit_limit: "6.5" },
  });
  expect([await order(), await order()]).toEqual([201, 402]);
});
