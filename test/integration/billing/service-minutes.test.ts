/** What replicas cost, each from its container's start on: against the ledger, by the real ingest and the real hour tick. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { countAnswer, noCounts } from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";
import { keepTraffic } from "@remotegpu/control-plane/server/store/inference/gateway/traffic";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { JournalId } from "@remotegpu/shared/values/ids";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { openControlScene, type ScriptedHost } from "../../support/worlds/control-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

const BASE_MS = Date.parse("2026-03-10T03:00:00Z");
let services: ServiceScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: BASE_MS - MS_PER_MINUTE });
  services = await ServiceScene.begin(await openControlScene(await emptyDatabase()), { hosts: 3 });
});
afterEach(async () => {
  vi.useRealTimers();
  await services.scene.close();
});

const at = (minute: number) => void vi.setSystemTime(BASE_MS + minute * MS_PER_MINUTE);

async function tick(): Promise<void> {
  const { db, now } = services.scene.api.deps;
  const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;
  await chargeDueHours({ db: services.scene.api.db, calendar: CHINA }, { term, now: now() });
}

/** The host's journal proves these minutes of its replica, as its last. */
async function proves(host: ScriptedHost, [from, to]: readonly [number, number]): Promise<void> {
  const { db } = services.scene.api;
  const { rows } = await db.query<{ utc_at_zero: Date }>(
    "SELECT utc_at_zero FROM host_boots WHERE host_id = $1",
    [host.id],
  );
  const inBoot = (minute: number) =>
    Math.round(BASE_MS + minute * MS_PER_MINUTE - (rows[0]?.utc_at_zero.getTime() ?? 0));
  const [wanted] = host.desired;
  if (wanted === undefined) throw new Error(`${host.id} has nothing to prove`);
  const journal = new SceneJournal(
    { customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId },
    undefined,
    JournalId.parse(host.journalId),
  );
  const seq = journal.write({
    run: wanted.runId,
    instanceId: wanted.instanceId,
    epoch: wanted.placementEpoch,
    fromMs: inBoot(from),
    toMs: inBoot(to),
    final: true,
  });
  const deps = { db, verify: () => Promise.resolve(true), calendar: CHINA };
  const { quarantined } = await ingestBatch(
    deps,
    host.id,
    journal.batch(1, seq),
    services.scene.api.deps.now(),
  );
  expect(quarantined).toBe(0);
}

async function costOf(id: string, key = "") {
  const query = `?start_time=${new Date(BASE_MS + 20 * MS_PER_MINUTE).toISOString()}${key && `&key=${key}`}`;
  return (await services.request("GET", `/${id}/traffic${query}`)).body.cost;
}

function rowOf(
  serviceId: string,
  {
    minute,
    answers,
    tokens,
    keyName = "app",
    revision = 1,
  }: {
    minute: number;
    answers: number;
    tokens: { prompt: number; completion: number } | null;
    keyName?: string | null;
    revision?: number;
  },
) {
  const counts = noCounts();
  for (let nth = 0; nth < answers; nth += 1)
    countAnswer(counts, {
      status: 200,
      isWhole: true,
      bytes: 1,
      tookMs: 1,
      firstByteMs: 1,
      queuedMs: 0,
      tokens,
    });
  const at = { serviceId, revision, keyName };
  return { at, minute: new Date(BASE_MS + minute * MS_PER_MINUTE), counts };
}

async function refund(id: string, amount: string): Promise<void> {
  const [replica] = await services.replicas(id, { all: "true" });
  const { status, body } = await services.scene.api.request(
    "POST",
    `/api/v1/customers/${services.alice.customerId}/refunds`,
    { as: services.scene.api.admin, body: { run_id: replica?.runs[0]?.id, amount, reason: "a wish" } },
  );
  if (status >= 300) throw new Error(`refused: ${JSON.stringify(body)}`);
}

test("three replicas for ten minutes are thirty replica-minutes, and what a host took to fetch their image is free", async () => {
  await tick();
  at(0);
  for (const rank of [0, 1, 2])
    services.text.set(rank, { phase: "starting", serving: "not-yet", containerId: null });
  const id = await services.ordered({ min_replicas: 3, gpu: 1 });
  await services.settle();
  at(5);
  services.text.clear();
  await services.settle();
  expect(await services.serving(id)).toEqual([0, 1, 2]);
  at(15);
  await services.request("POST", `/${id}/stop`);
  for (const host of services.hosts) await proves(host, [5, 15]);
  await services.settle();
  at(60);
  await tick();

  const { rows } = await services.scene.api.db.query<{ minutes: number; runs: number; amount: string }>(
    `SELECT sum(billed_minutes)::int AS minutes, count(*)::int AS runs, sum(posted_amount)::text AS amount FROM runs
      WHERE resource_type = 'inference' AND resource_id = $1`,
    [id],
  );
  // 0.11 a minute: 0.6 an hour for the core and 6 for the GPU.
  expect(rows).toEqual([{ minutes: 30, runs: 3, amount: "3.3000" }]);
  const records = await services.scene.api.db.query<{ amount: string }>(
    "SELECT sum(amount)::text AS amount FROM billing_records WHERE resource_type = 'inference' AND resource_id = $1",
    [id],
  );
  expect(records.rows).toEqual([{ amount: "3.3000" }]);
  const { rows: balance } = await services.scene.api.db.query<{ balance: string }>(
    "SELECT balance::text AS balance FROM customers WHERE id = $1",
    [services.alice.customerId],
  );
  expect(balance).toEqual([{ balance: "99996.7000" }]);
  expect(await costOf(id)).toMatchObject({ amount: "3.3000", per_thousand_requests: null });
  await keepTraffic(services.scene.api.db, "gw-1", [
    rowOf(id, { minute: 10, answers: 440, tokens: { prompt: 20, completion: 55 } }),
    rowOf(id, { minute: 10, answers: 220, tokens: null, keyName: "other" }),
    // What gateways answered themselves took nothing of replicas.
    rowOf(id, { minute: 10, answers: 3_340, tokens: null, keyName: null, revision: 0 }),
    rowOf(id, { minute: 10, answers: 100, tokens: null, revision: 0 }),
    // Of an hour that is not charged yet.
    rowOf(id, { minute: 70, answers: 1_000, tokens: { prompt: 1, completion: 1 } }),
  ]);
  at(75);
  expect(await costOf(id)).toEqual({
    amount: "3.3000",
    from: new Date(BASE_MS).toISOString(),
    until: new Date(BASE_MS + 15 * MS_PER_MINUTE).toISOString(),
    per_thousand_requests: "5.000000",
    per_million_tokens: "100.000000",
  });
  const amounts = ["app", "other", "nobody"].map(async (key) => (await costOf(id, key)).amount);
  expect(await Promise.all(amounts)).toEqual(["2.2000", "1.1000", "0.0000"]);
  expect(await costOf(id, "other")).toMatchObject({
    per_thousand_requests: "5.000000",
    per_million_tokens: "100.000000",
  });
  await refund(id, "0.9900");
  at(76);
  expect(await costOf(id)).toMatchObject({ amount: "2.3100", per_thousand_requests: "3.500000" });
  const { rows: ledger } = await services.scene.api.db.query<{ amount: string }>(
    `SELECT (-sum(e.amount))::text AS amount FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
       JOIN runs r ON r.id = t.run_id WHERE e.account = 'customer' AND r.resource_id = $1`,
    [id],
  );
  expect(ledger).toEqual([{ amount: "2.3100" }]);
  expect(await trialBalance(services.scene.api.db)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
});
