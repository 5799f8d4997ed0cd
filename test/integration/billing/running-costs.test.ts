/** What streams remember of costs is at every moment what lists of workloads say, whatever is charged and given back. */
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { refund } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { waiveEarlierRuns } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { StreamCosts } from "@remotegpu/control-plane/server/store/overview/stream/stream-costs";
import {
  CHARGED_RUNS,
  moneyOfWorkloads,
  WAIVED_RUNS,
} from "@remotegpu/control-plane/server/store/overview/workload-money";
import { parsePoints } from "@remotegpu/shared/values/money";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import {
  at,
  CHINA,
  type Claim,
  openScene,
  openSceneRun,
  type Scene,
  SceneJournal,
} from "../../support/billing/metering-scene.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WORK = "env-r-1";

let fresh: FreshDatabase;
let database: Database;
let scene: Scene;
let journal: SceneJournal;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = fresh.database;
  scene = await openScene(database, "ada");
  journal = new SceneJournal(scene);
  await database.query(
    `INSERT INTO environments (id, customer_id, name, image, status, cpu, memory) VALUES ($1, $2, 'work', 'busybox', 'running', 1, 1)`,
    [WORK, scene.customerId],
  );
});
afterAll(() => fresh.drop());

async function proven(claim: Claim, { of = scene, by = journal } = {}): Promise<void> {
  const seq = by.write(claim);
  const deps = { db: database, calendar: CHINA, verify: async () => await Promise.resolve(true) };
  await ingestBatch(deps, of.hostId, by.batch(seq, seq), at(claim.toMs));
}

async function charged(hour: number): Promise<void> {
  const now = at(hour * HOUR);
  const term = await acquireLeadership(database, { holder: "one", now });
  await chargeDueHours({ db: database, calendar: CHINA }, { term: term ?? 0, now });
}

async function givenBack(run: string, amount: string): Promise<void> {
  const gift = { id: `${run} ${amount}`, runId: run, amount: parsePoints(amount), at: at(0) };
  const given = await transaction(database, (tx) => refund(tx, { ...gift, reason: "sorry", actor: "test" }));
  expect(given.posted).toBe(true);
}

async function listed(): Promise<string | undefined> {
  const money = await moneyOfWorkloads(database, { kind: "environment", ids: [WORK], at: at(0) });
  return money.get(WORK)?.cost_so_far;
}

async function reported(costs: StreamCosts, since: number): Promise<string | null | undefined> {
  return (await costs.now({ at: at(0), since })).get(`env:${WORK}`)?.costSoFar;
}

const lastTransaction = async () =>
  (
    await database.query<{ last: number }>(
      "SELECT coalesce(max(id), 0)::int AS last FROM ledger_transactions",
    )
  ).rows[0]?.last ?? 0;

test("costs that are remembered follow every charge, credit and refund, of runs that are over, too", async () => {
  const costs = new StreamCosts(database);
  const seen: unknown[] = [];
  const after = async (happens: Promise<void>) => {
    await happens;
    // Twice: what is counted already stays as it is.
    seen.push([await listed(), await reported(costs, 0), await reported(costs, 0)]);
  };
  await charged(0);

  await after(openSceneRun(database, scene, "r-1"));
  await after(proven({ run: "r-1", fromMs: 0, toMs: 50 * MINUTE }));
  await after(charged(1));
  await after(givenBack("r-1", "1"));
  await after(
    transaction(database, async (tx) => {
      const broken = { runId: "r-1", reason: "gpu-lost" as const, from: at(0), to: at(20 * MINUTE) };
      await waiveBroken(tx, { ...broken, evidence: { sentence: "it fell off the bus" } }, at(HOUR));
    }),
  );
  await after(charged(2));
  // It ends, and the same work runs again.
  await proven({ run: "r-1", fromMs: 50 * MINUTE, toMs: 60 * MINUTE, final: true });
  await openSceneRun(database, scene, "r-2", at(2 * HOUR));
  await after(
    database.query("UPDATE runs SET resource_id = $1 WHERE id = 'r-2'", [WORK]).then(() => undefined),
  );
  await after(proven({ run: "r-2", fromMs: 2 * HOUR, toMs: 2 * HOUR + 5 * MINUTE }));
  await after(charged(3));
  await after(givenBack("r-1", "0.5"));

  expect(seen).toEqual(
    ["0.0000", "5.0000", "5.0000", "4.0000", "2.0000", "2.0000", "3.0000", "3.5000", "3.5000", "3.0000"].map(
      (cost) => [cost, cost, cost],
    ),
  );
});

test("a transaction that ends after later ones is found, since the query reaches further back", async () => {
  const costs = new StreamCosts(database);
  const since = await lastTransaction();
  const before = await reported(costs, since);

  const late = Promise.withResolvers<void>();
  onTestFinished(() => late.resolve());
  const began = Promise.withResolvers<void>();
  const slow = transaction(database, async (tx) => {
    const gift = { id: "slow", runId: "r-2", amount: parsePoints("0.1"), at: at(0) };
    await refund(tx, { ...gift, reason: null, actor: "test" });
    began.resolve();
    await late.promise;
  });
  await began.promise;
  await givenBackTo("somebody else");
  const meanwhile = await reported(costs, since);
  late.resolve();
  await slow;

  expect([before, meanwhile]).toEqual(["3.0000", "3.0000"]);
  expect(await reported(costs, since)).toBe("2.9000");
  expect(await listed()).toBe("2.9000");
});

test("what a workload was charged is summed by reading what was paid by and given back to its payer alone", async () => {
  const transactions = 5_000;
  const payer = await openScene(database, "payer-of-many");
  await openSceneRun(database, payer, "r-hours");
  await proven(
    { run: "r-hours", fromMs: 0, toMs: HOUR, final: true },
    { of: payer, by: new SceneJournal(payer) },
  );
  await charged(5);
  await givenBack("r-hours", "1");
  await database.query(
    `WITH posted AS (
       INSERT INTO ledger_transactions (source_kind, source_id, customer_id, run_id)
       SELECT 'charge', 'r-hours at ' || n, $1, 'r-hours' FROM generate_series(1, ${transactions}) n RETURNING id)
     INSERT INTO ledger_entries (transaction_id, account, customer_id, amount)
     SELECT id, account, $1, amount FROM posted, (VALUES ('customer', -0.01), ('revenue', 0.01)) e (account, amount)`,
    [payer.customerId],
  );
  await database.query("ANALYZE ledger_transactions, ledger_entries");

  const { rows } = await database.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${CHARGED_RUNS}`,
    ["environment", ["env-r-hours"]],
  );

  const plan = rows[0]?.["QUERY PLAN"][0].Plan;
  // What a payer paid stands in the same index as what was given back.
  expect([rowsRead(plan, "ledger_transactions"), rowsRead(plan, "ledger_entries")]).toEqual([2, 2]);
});

describe("the rule by which a run is free", () => {
  const rulesOf = async (run: string) => {
    const requested = { kind: "environment", ids: [`env-${run}`], at: at(HOUR) } as const;
    const money = (await moneyOfWorkloads(database, requested)).get(`env-${run}`);
    return money?.waivers.map(({ rule, runs, runs_now }) => [rule, runs, runs_now]);
  };
  const began = async (run: string) => {
    await openSceneRun(database, scene, run);
    await proven({ run, fromMs: 0, toMs: 20 * MINUTE });
  };

  test("is listed before its time is charged, as it is given back, and after that", async () => {
    await began("r-listed");
    await charged(6);
    const listed = [await rulesOf("r-listed")];
    await transaction(database, async (tx) => {
      const broken = { runId: "r-listed", reason: "gpu-lost" as const, from: at(0), to: at(5 * MINUTE) };
      await waiveBroken(tx, { ...broken, evidence: { sentence: "it fell off the bus" } }, at(HOUR));
    });
    listed.push(await rulesOf("r-listed"));
    await charged(7);
    listed.push(await rulesOf("r-listed"));

    expect(listed).toEqual([[], [["gpu-lost", 1, 0]], [["gpu-lost", 1, 0]]]);
  });

  test("of a workload with many runs is found without reading those that are charged whole", async () => {
    await began("r-many");
    await database.query(
      `INSERT INTO placements SELECT (jsonb_populate_record(p, jsonb_build_object('epoch', n + 1, 'state', 'stopped',
              'run_id', NULL, 'resources_released_at', $1::timestamptz, 'gone_at', $1::timestamptz))).*
         FROM runs r JOIN placements p ON p.instance_id = r.instance_id AND p.epoch = r.epoch, generate_series(1, 5000) n
        WHERE r.id = 'r-many'`,
      [at(MINUTE)],
    );
    await database.query(
      `INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, resource_type, resource_id, spec, first_proven_at,
              last_proven_at, closed_at, proven_ms)
       SELECT 'r-many-' || n, instance_id, n + 1, host_id, customer_id, resource_type, resource_id, spec, $1, $2, $2, 60000
         FROM runs, generate_series(1, 5000) n WHERE id = 'r-many'`,
      [at(0), at(MINUTE)],
    );
    await database.query("ANALYZE runs");
    const { rows } = await database.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${WAIVED_RUNS}`,
      ["environment", ["env-r-many"]],
    );

    expect(rowsRead(rows[0]?.["QUERY PLAN"][0].Plan, "runs")).toBe(1);
  });

  test("is host-stop where its instance was placed anew", async () => {
    await began("r-anew");

    await transaction(database, (tx) => waiveEarlierRuns(tx, { runIds: ["r-anew"], from: at(10 * MINUTE) }));

    expect(await rulesOf("r-anew")).toEqual([["host-stop", 1, 1]]);
  });

  test.each([
    ["before-rules", "r-old-1", "ordered by customer 12"],
    ["before-rules", "r-old-2", "placed anew"],
    ["before-rules", "r-old-3", null],
    ["suspension", "r-new-1", "suspension: account suspended"],
    ["stop-by-person", "r-new-2", "stop-by-person: ordered by customer 12"],
  ])("is %s where run %s was written with the reason %j", async (rule, run, reason) => {
    await began(run);

    await database.query("UPDATE runs SET waive_from = $2, waive_reason = $3 WHERE id = $1", [
      run,
      at(10 * MINUTE),
      reason,
    ]);

    expect(await rulesOf(run)).toEqual([[rule, 1, 1]]);
  });
});

/** What of a plan's node is read here, as EXPLAIN (ANALYZE, FORMAT JSON) writes it. */
interface PlanNode {
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  Plans?: PlanNode[];
}

function rowsRead(node: PlanNode | undefined, table: string): number {
  if (node === undefined) return 0;
  const removed = node["Rows Removed by Filter"] ?? 0;
  const own = node["Relation Name"] === table ? (node["Actual Rows"] + removed) * node["Actual Loops"] : 0;
  return (node.Plans ?? []).reduce((sum, plan) => sum + rowsRead(plan, table), own);
}

/** A later transaction, of another account's run. */
async function givenBackTo(name: string): Promise<void> {
  const other = await openScene(database, name);
  await openSceneRun(database, other, "r-other");
  const claim = { run: "r-other", fromMs: 0, toMs: HOUR, final: true };
  await proven(claim, { of: other, by: new SceneJournal(other) });
  await charged(4);
  await givenBack("r-other", "1");
}
