/** The hour tick on Postgres: each hour once and in order, by one leader, whatever is cut off half way. */
import {
  chargeDueHours,
  type HourReport,
} from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { setCreditLimit } from "@remotegpu/control-plane/server/store/spending/suspensions";
import { startRule } from "@remotegpu/control-plane/server/store/orders/checks/start-rule";
import { balanceView } from "@remotegpu/control-plane/server/store/spending/balance";
import { billingRecords } from "@remotegpu/control-plane/server/store/billing/bills/records";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import {
  acquireLeadership,
  assertTerm,
  currentTerm,
  LEADER_LEASE_MS,
  LeadershipLostError,
  releaseLeadership,
} from "@remotegpu/control-plane/server/store/database/leader";
import { lockAccounts, trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { refund, topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import { waiveRun } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import { parsePoints } from "@remotegpu/shared/values/money";
import { GIB } from "@remotegpu/shared/values/units";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import {
  at,
  CHINA,
  openScene,
  openSceneRun,
  type Scene,
  SceneJournal,
} from "../../support/billing/metering-scene.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const WAITS_FOR_A_LOCK =
  "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

let fresh: FreshDatabase;
let database: Database;
const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  database = fresh.database;
  await tick(at(0));
});
afterEach(() => fresh.drop());

async function tick(now: Date, on = database): Promise<HourReport[]> {
  const term = await acquireLeadership(database, { holder: "one", now });
  return chargeDueHours({ db: on, calendar: CHINA }, { term: term ?? 0, now });
}

async function send(scene: Scene, journal: SceneJournal, seq: number, now: Date): Promise<void> {
  const deps = { db: database, verify: async () => true, calendar: CHINA };
  await ingestBatch(deps, scene.hostId, journal.batch(seq, seq), now);
}

/** A run whose time is proven up to a moment, and sent then. */
async function runningUntil(toMs: number, balance = "100"): Promise<{ scene: Scene; journal: SceneJournal }> {
  const scene = await openScene(database, "ann", balance);
  await openSceneRun(database, scene, "r1");
  const journal = new SceneJournal(scene);
  await send(scene, journal, journal.write({ run: "r1", fromMs: 0, toMs }), at(toMs));
  return { scene, journal };
}

async function charges(): Promise<{ at: number; amount: string }[]> {
  const { rows } = await database.query<{ at: Date; amount: string }>(
    `SELECT t.at, -e.amount AS amount FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
      WHERE t.source_kind IN ('charge', 'credit') AND e.account = 'customer' ORDER BY t.id`,
  );
  return rows.map((row) => ({ at: row.at.getTime() - at(0).getTime(), amount: row.amount }));
}

async function accountOf(scene: Scene): Promise<{ balance: string; overdue_status: string }> {
  const { rows } = await database.query<{ balance: string; overdue_status: string }>(
    "SELECT balance, overdue_status FROM customers WHERE id = $1",
    [scene.customerId],
  );
  return rows[0] ?? { balance: "", overdue_status: "" };
}

const BOOKS_AGREE = { total: "0.0000", unbalancedCustomers: 0 };

describe("hours", () => {
  test("an hour is charged once, however often it is called", async () => {
    await runningUntil(HOUR);

    const reports = [await tick(at(HOUR)), await tick(at(HOUR)), await tick(at(HOUR + 59 * MINUTE))];

    expect(reports.map((report) => report.length)).toEqual([1, 0, 0]);
    expect(await charges()).toEqual([{ at: HOUR, amount: "6.0000" }]);
  });

  test("before the hour there is nothing to do", async () => {
    await runningUntil(HOUR - 1);

    expect(await tick(at(HOUR - 1))).toEqual([]);
  });

  test("missed hours are caught up under their own names, each with its own time", async () => {
    await runningUntil(3 * HOUR + 5 * MINUTE);

    const reports = await tick(at(3 * HOUR + 10 * MINUTE));

    expect(reports.map((report) => report.hour)).toEqual([at(HOUR), at(2 * HOUR), at(3 * HOUR)]);
    expect(await charges()).toEqual([
      { at: HOUR, amount: "6.0000" },
      { at: 2 * HOUR, amount: "6.0000" },
      { at: 3 * HOUR, amount: "6.0000" },
    ]);
  });

  test("a run that ended after a missed hour was charged whole by ingest and is left alone", async () => {
    const { scene, journal } = await runningUntil(90 * MINUTE);
    const end = journal.write({ run: "r1", fromMs: 90 * MINUTE, toMs: 91 * MINUTE, final: true });
    await send(scene, journal, end, at(2 * HOUR - 1));
    const late = journal.write({ run: "r1", fromMs: 60 * MINUTE, toMs: 91 * MINUTE + 1000 });
    await send(scene, journal, late, at(2 * HOUR));

    await tick(at(3 * HOUR));

    expect(await charges()).toEqual([
      { at: 2 * HOUR - 1, amount: "9.1000" },
      { at: 2 * HOUR, amount: "0.1000" },
    ]);
  });

  test("two controllers at once charge each hour once", async () => {
    await runningUntil(3 * HOUR);
    const term = await acquireLeadership(database, { holder: "one", now: at(3 * HOUR) });

    const deps = { db: database, calendar: CHINA };
    const both = [1, 2].map(() => chargeDueHours(deps, { term: term ?? 0, now: at(3 * HOUR) }));
    await Promise.allSettled(both);
    await tick(at(3 * HOUR));

    expect((await charges()).map((charge) => charge.at)).toEqual([HOUR, 2 * HOUR, 3 * HOUR]);
    expect(await trialBalance(database)).toEqual(BOOKS_AGREE);
  });

  test.each(["before", "after"] as const)(
    "a crash %s any statement is taken up again with the same result",
    async (when) => {
      const scene = await openScene(database, "ann", "1000");
      let hours = 0;
      for (let statement = 1, reached = true; reached; statement += 1) {
        hours += 1;
        const run = `r${statement}`;
        await openSceneRun(database, scene, run);
        const journal = new SceneJournal(scene);
        const fromMs = (hours - 1) * HOUR;
        await send(scene, journal, journal.write({ run, fromMs, toMs: fromMs + HOUR }), at(hours * HOUR));
        const failing = failingDatabase(fresh.url, { at: statement, when });

        const outcome = await tick(at(hours * HOUR), failing).catch((error: unknown) => error);
        reached = failing.hasFailed();
        await failing.close();
        await tick(at(hours * HOUR));

        const expected = Array.from({ length: hours }, (_, index) => ({
          at: (index + 1) * HOUR,
          amount: "6.0000",
        }));
        expect(outcome instanceof Error).toBe(reached);
        expect(await charges()).toEqual(expected);
        expect(statement).toBeLessThan(100);
      }
      const { rows } = await database.query("SELECT runs_charged, amount FROM hour_ticks ORDER BY hour");
      expect(rows.slice(1)).toEqual(rows.slice(1).map(() => ({ runs_charged: 1, amount: "6.0000" })));
      expect(await trialBalance(database)).toEqual(BOOKS_AGREE);
    },
  );
});

describe("a midnight between two hours", () => {
  /** Where days end at 02:30 UTC, half an hour after the boot. */
  const calendar = { utcOffsetMinutes: -150, closeDelayHours: 24 };
  const MIDNIGHT = 30 * MINUTE;

  async function tickThere(now: Date): Promise<HourReport[]> {
    const term = await acquireLeadership(database, { holder: "one", now });
    return chargeDueHours({ db: database, calendar }, { term: term ?? 0, now });
  }

  /** 100 GB in one hour of the day that ends; 50 are free, the others cost 1 point. */
  async function stored(scene: Scene): Promise<void> {
    const line = { spec: "storage", line: "storage", unitPrice: "0.02", billingUnit: "day" } as const;
    await transaction(database, (tx) =>
      addPrice(tx, { ...line, effectiveFrom: at(-HOUR), createdBy: null }, at(-HOUR)),
    );
    await database.query(
      "INSERT INTO storage_hours (storage_pool, hour, host_id, claimed_at, finished_at) VALUES ('p', $1, $2, $1, $1)",
      [at(0), scene.hostId],
    );
    await database.query(
      "INSERT INTO storage_samples (workspace_id, storage_pool, hour, bytes) VALUES ($1, 'p', $2, $3)",
      [scene.workspaceId, at(0), 100 * GIB],
    );
  }

  async function postings(): Promise<string[]> {
    const { rows } = await database.query<{ source_kind: string; at: Date; amount: string }>(
      `SELECT t.source_kind, t.at, e.amount FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
        WHERE e.account = 'customer' AND t.source_kind <> 'topup' ORDER BY t.id`,
    );
    return rows.map((row) => `${row.source_kind} ${row.amount} at ${(+row.at - +at(0)) / MINUTE}`);
  }

  test("charges storage by the first call after it, once, and nothing else", async () => {
    const { scene } = await runningUntil(MIDNIGHT);
    await stored(scene);

    await tickThere(at(MIDNIGHT - 1));
    expect(await postings()).toEqual([]);
    for (let call = 0; call < 2; call += 1) await tickThere(at(MIDNIGHT + call * MINUTE));
    expect(await postings()).toEqual(["storage -1.0000 at 30"]);
    const [report] = await tickThere(at(HOUR));

    expect(report).toMatchObject({ runsCharged: 1, storageDaysCharged: 0 });
    expect(await postings()).toEqual(["storage -1.0000 at 30", "charge -3.0000 at 60"]);
  });

  test("that was missed is made up for by the next hour's tick, before its runs, and owed since then", async () => {
    const { scene } = await runningUntil(HOUR, "1");
    await stored(scene);

    const reports = await tickThere(at(HOUR + 10 * MINUTE));

    expect(reports).toMatchObject([{ hour: at(HOUR), storageDaysCharged: 1, suspended: [scene.customerId] }]);
    expect(await postings()).toEqual(["storage -1.0000 at 30", "charge -6.0000 at 60"]);
    const { rows } = await database.query("SELECT overdue_since FROM customers WHERE id = $1", [
      scene.customerId,
    ]);
    expect(rows).toEqual([{ overdue_since: at(MIDNIGHT) }]);
  });
});

describe("leadership", () => {
  test("one holds the lease until it ends, and every change of holder is a new term", async () => {
    const [now, later] = [at(10 * HOUR), at(10 * HOUR + LEADER_LEASE_MS)];
    const first = await acquireLeadership(database, { holder: "one", now });
    const renewed = await acquireLeadership(database, { holder: "one", now: at(10 * HOUR + 1000) });

    expect(renewed).toBe(first);
    expect(await acquireLeadership(database, { holder: "two", now: later })).toBeNull();
    const taken = await acquireLeadership(database, {
      holder: "two",
      now: at(10 * HOUR + 1000 + LEADER_LEASE_MS),
    });
    expect(taken).toBe((first ?? 0) + 1);
    await releaseLeadership(database, "two");
    expect(await acquireLeadership(database, { holder: "one", now: later })).toBe((first ?? 0) + 2);
    expect(await currentTerm(database)).toBe((first ?? 0) + 2);
  });

  test("a holder that has ended is succeeded at once, in a new term", async () => {
    const now = at(10 * HOUR);
    const first = await acquireLeadership(database, { holder: "one", now });

    expect(await acquireLeadership(database, { holder: "three", former: "two", now })).toBeNull();
    expect(await acquireLeadership(database, { holder: "three", former: "one", now })).toBe((first ?? 0) + 1);
    expect(await acquireLeadership(database, { holder: "one", now })).toBeNull();
  });

  test("a leader of a term that is over writes nothing", async () => {
    await runningUntil(HOUR);
    const old = await currentTerm(database);
    await acquireLeadership(database, { holder: "two", now: at(HOUR) });

    const late = chargeDueHours({ db: database, calendar: CHINA }, { term: old, now: at(HOUR) });

    await expect(late).rejects.toThrow(LeadershipLostError);
    expect(await charges()).toEqual([]);
  });

  test("nobody takes over in the middle of a leader's transaction", async () => {
    const term = await currentTerm(database);
    const order: string[] = [];

    const taken = await transaction(database, async (tx) => {
      await assertTerm(tx, term);
      const takeover = acquireLeadership(database, { holder: "two", now: at(HOUR) }).then(() =>
        order.push("taken"),
      );
      await eventually(async () => (await database.query(WAITS_FOR_A_LOCK)).rowCount > 0, {
        what: "the other waiting for this transaction",
      });
      order.push("written");
      return { takeover };
    });
    await taken.takeover;

    expect(order).toEqual(["written", "taken"]);
  });
});

describe("accounts", () => {
  test("a suspension stops what runs, waives later time and raises the host's generation, once", async () => {
    const { scene, journal } = await runningUntil(HOUR, "5");
    await database.query(
      `INSERT INTO environments (id, customer_id, host_id, name, image, status, cpu, memory)
       VALUES ('env-r1', $1, $2, 'one', 'busybox', 'running', 1, 1)`,
      [scene.customerId, scene.hostId],
    );
    await tick(at(HOUR));
    expect(await accountOf(scene)).toEqual({ balance: "-1.0000", overdue_status: "overdue" });

    const [report] = await tick(at(2 * HOUR));
    await tick(at(3 * HOUR));

    expect(report).toMatchObject({ suspended: [scene.customerId], hostIds: [scene.hostId] });
    expect(await accountOf(scene)).toMatchObject({ overdue_status: "suspended" });
    const { rows } = await database.query(
      `SELECT p.want, p.ordered_by, r.waive_from, h.generation, e.status
         FROM placements p JOIN runs r ON r.id = p.run_id JOIN hosts h ON h.id = p.host_id
         JOIN environments e ON e.id = r.resource_id`,
    );
    expect(rows).toEqual([
      { want: "stopped", ordered_by: "account", waive_from: at(2 * HOUR), generation: 1, status: "stopping" },
    ]);
    const end = journal.write({ run: "r1", fromMs: HOUR, toMs: 150 * MINUTE, final: true });
    await send(scene, journal, end, at(150 * MINUTE));
    // The hour before the suspension is charged, the half hour after it is not.
    expect(await accountOf(scene)).toMatchObject({ balance: "-7.0000" });
  });

  test("an hour of an account with money again is no suspension, and a credit limit moves zero", async () => {
    const { scene } = await runningUntil(HOUR, "5");
    await tick(at(HOUR));
    await transaction(database, (tx) =>
      setCreditLimit(tx, { customerId: scene.customerId, creditLimit: "10", at: at(HOUR + 1) }),
    );

    expect(await tick(at(2 * HOUR))).toMatchObject([{ suspended: [] }]);
    expect(await accountOf(scene)).toMatchObject({ overdue_status: "normal" });
  });

  test("customers who never had anything are left alone", async () => {
    const scene = await openScene(database, "ann", "0");

    await tick(at(HOUR));

    expect(await accountOf(scene)).toEqual({ balance: "0.0000", overdue_status: "normal" });
  });

  test("a start must leave the minutes of everything that runs", async () => {
    const { scene } = await runningUntil(HOUR, "17.9999");
    const { customerId } = scene;
    const reasonFor = async (additional: string): Promise<string> => {
      const decision = await transaction(database, async (tx) => {
        const accounts = await lockAccounts(tx, [customerId]);
        const rule = { accounts, waiting: new Map(), minStartMinutes: 60, at: at(0) };
        return (await startRule(tx, rule))({ customerId, hourly: parsePoints(additional) });
      });
      return decision.allowed ? "allowed" : decision.reason;
    };

    // One run for 6 an hour is there already.
    expect(await reasonFor("11.9999")).toBe("allowed");
    expect(await reasonFor("12.0000")).toBe("too-little-balance");
  });
});

describe("what a customer sees", () => {
  test("the accrued amount grows with proven time and is gone when it is posted", async () => {
    const { scene } = await runningUntil(30 * MINUTE);
    const view = () => balanceView(database, { customerId: scene.customerId, now: at(HOUR) });

    expect(await view()).toMatchObject({
      balance: "100.0000",
      accrued: "3.0000",
      burn_per_hour: "6.0000",
      hours_left: "16.66",
      hours_left_after_accrued: "16.16",
    });
    await tick(at(HOUR));
    expect(await view()).toMatchObject({
      balance: "97.0000",
      accrued: "0.0000",
      hours_left: "16.16",
      hours_left_after_accrued: "16.16",
    });
    expect(await balanceView(database, { customerId: 999_999, now: at(0) })).toBeNull();
  });

  test("a credit limit is there to be spent, too", async () => {
    const { scene } = await runningUntil(30 * MINUTE, "5");
    const { customerId } = scene;
    await transaction(database, (tx) => setCreditLimit(tx, { customerId, creditLimit: "1", at: at(HOUR) }));

    const view = await balanceView(database, { customerId, now: at(HOUR) });

    expect(view).toMatchObject({ hours_left: "1.00", hours_left_after_accrued: "0.50" });
  });

  test("a run burns from when it is ready, at the price in force, and not while it only starts", async () => {
    const scene = await openScene(database, "ann");
    await openSceneRun(database, scene, "r1");
    const view = () => balanceView(database, { customerId: scene.customerId, now: at(HOUR) });

    expect(await view()).toMatchObject({ burn_per_hour: "6.0000", hours_left: "16.66" });
    await database.query("UPDATE placements SET state = 'starting'");

    expect(await view()).toMatchObject({ burn_per_hour: "0.0000", hours_left: null });
  });

  test("hours left are by the exact price, not by the rounded one of an hour", async () => {
    const { scene } = await runningUntil(30 * MINUTE, "99.9583");
    await database.query("UPDATE run_lines SET unit_price = 1, billing_unit = 'day'");

    const view = await balanceView(database, { customerId: scene.customerId, now: at(HOUR) });

    expect(view).toMatchObject({ burn_per_hour: "0.0417", hours_left: "2398.99" });
  });

  test("a run burns nothing while it is broken", async () => {
    const { scene } = await runningUntil(30 * MINUTE);
    const view = () => balanceView(database, { customerId: scene.customerId, now: at(HOUR) });
    const waive = (to: Date | null) =>
      transaction(database, (tx) =>
        waiveBroken(
          tx,
          { runId: "r1", reason: "gpu-lost", from: at(10 * MINUTE), to, evidence: {} },
          at(HOUR),
        ),
      );

    await waive(null);
    expect(await view()).toMatchObject({ burn_per_hour: "0.0000", hours_left: null });
    await waive(at(20 * MINUTE));

    expect(await view()).toMatchObject({ burn_per_hour: "6.0000", hours_left: "16.66" });
  });

  test("with more accrued than is left, no hour is left after it, and none less than that", async () => {
    const { scene } = await runningUntil(HOUR, "5");

    const view = await balanceView(database, {
      customerId: scene.customerId,
      now: at(HOUR),
    });

    expect(view).toMatchObject({
      balance: "5.0000",
      accrued: "6.0000",
      hours_left: "0.83",
      hours_left_after_accrued: "0.00",
    });
  });

  test("records name the stretch, the price and both months, newest first", async () => {
    const { scene } = await runningUntil(2 * HOUR);
    await tick(at(2 * HOUR));
    const everything = {
      payerId: scene.customerId,
      workspaceIds: null,
      workspaceId: null,
      resourceType: null,
      resourceId: null,
      runId: null,
      from: null,
      to: null,
    };

    const records = await billingRecords(database, everything, { limit: 1, after: null });

    expect(records).toHaveLength(2);
    expect(records[0]).toMatchObject({
      resource_type: "environment",
      resource_id: "env-r1",
      workspace_id: scene.workspaceId,
      line: "spec",
      quantity: "1",
      unit_price: "6.000000",
      billing_unit: "hour",
      billing_minutes: 60,
      amount: "6.0000",
      currency: "CNY",
      start_time: at(HOUR),
      end_time: at(2 * HOUR),
      usage_month: "2026-03-01",
      invoice_month: "2026-03-01",
    });
    const other = { ...everything, payerId: scene.customerId + 1 };
    expect(await billingRecords(database, other, { limit: 9, after: null })).toEqual([]);
    const late = { ...everything, from: at(HOUR), to: at(2 * HOUR) };
    expect(await billingRecords(database, late, { limit: 9, after: null })).toHaveLength(1);
  });
});

describe("money and prices", () => {
  test("a payment with a known id, beyond the column or of nobody posts nothing", async () => {
    const scene = await openScene(database, "ann", "1");
    const pay = (id: string, amount: string, customerId = scene.customerId) =>
      transaction(database, (tx) =>
        topUp(tx, { id, customerId, amount: parsePoints(amount), at: at(0), reason: null, actor: "admin 1" }),
      );

    const results = [
      await pay("first-ann", "5"),
      await pay("a", "9999999999999999.0000"),
      await pay("b", "0"),
      await pay("c", "-1"),
      await pay("d", "1", scene.customerId + 1),
    ];

    expect(results.map((result) => (result.posted ? "posted" : result.reason))).toEqual([
      "known-source",
      "beyond-column",
      "not-positive",
      "not-positive",
      "unknown-customer",
    ]);
    expect(await accountOf(scene)).toMatchObject({ balance: "1.0000" });
  });

  test("refunds in parallel never give back more than was charged", async () => {
    const { scene } = await runningUntil(HOUR);
    await tick(at(HOUR));

    const results = await Promise.all(
      ["1", "2", "3", "4"].map((id) =>
        transaction(database, (tx) =>
          refund(tx, {
            id,
            runId: "r1",
            amount: parsePoints("2"),
            at: at(HOUR),
            reason: null,
            actor: "admin 1",
          }),
        ),
      ),
    );

    expect(results.filter((result) => result.posted)).toHaveLength(3);
    expect(await accountOf(scene)).toMatchObject({ balance: "100.0000" });
    expect(await trialBalance(database)).toEqual(BOOKS_AGREE);
  });

  test("nothing can be changed or removed in the ledger, and an unbalanced transaction does not commit", async () => {
    await openScene(database, "ann", "1");

    await expect(database.query("UPDATE ledger_entries SET amount = 5")).rejects.toThrow(/append-only/);
    await expect(database.query("DELETE FROM ledger_transactions")).rejects.toThrow(/append-only/);
    await expect(
      database.query(
        "INSERT INTO ledger_entries (transaction_id, account, amount) SELECT min(id), 'cash', 1 FROM ledger_transactions",
      ),
    ).rejects.toThrow(/sums to/);
  });

  test("a price that would change a run that has begun is refused; a later one leaves it as it is", async () => {
    await runningUntil(HOUR);
    const price = { spec: "A", line: "spec", unitPrice: "60", billingUnit: "hour", createdBy: null } as const;

    const past = await transaction(database, (tx) => addPrice(tx, { ...price, effectiveFrom: at(0) }, at(0)));
    const future = await transaction(database, (tx) =>
      addPrice(tx, { ...price, effectiveFrom: at(1) }, at(0)),
    );
    const late = await transaction(database, (tx) =>
      addPrice(tx, { ...price, effectiveFrom: at(2) }, at(2 * HOUR)),
    );
    const again = await transaction(database, (tx) =>
      addPrice(tx, { ...price, effectiveFrom: at(1) }, at(0)),
    );
    await tick(at(HOUR));

    expect(past).toEqual({ added: null, reason: "moves-a-run" });
    expect(future.added).toMatchObject({ unit_price: "60.000000" });
    expect(late).toEqual({ added: null, reason: "past" });
    expect(again).toEqual({ added: null, reason: "taken" });
    expect(await charges()).toEqual([{ at: HOUR, amount: "6.0000" }]);
  });

  test("a moment is past that lies more than a minute back", async () => {
    const price = { spec: "B", line: "cpu", unitPrice: "60", billingUnit: "hour", createdBy: null } as const;
    const added = async (line: string, now: Date) =>
      await transaction(database, (tx) => addPrice(tx, { ...price, line, effectiveFrom: at(0) }, now));

    expect((await added("cpu", at(MINUTE))).added).not.toBeNull();
    expect(await added("memory", at(MINUTE + 1))).toEqual({ added: null, reason: "past" });
  });

  test("a run that began without a price waits, uncharged, until there is one", async () => {
    const scene = await openScene(database, "ann");
    await openSceneRun(database, scene, "r1");
    await database.query("UPDATE runs SET spec = 'B'");
    const journal = new SceneJournal(scene);
    await send(scene, journal, journal.write({ run: "r1", fromMs: 0, toMs: HOUR, final: true }), at(HOUR));
    await tick(at(HOUR));
    expect(await charges()).toEqual([]);
    const price = {
      spec: "B",
      unitPrice: "1",
      billingUnit: "hour",
      effectiveFrom: at(0),
      createdBy: null,
    } as const;
    const added = await transaction(database, (tx) => addPrice(tx, { ...price, line: "spec" }, at(HOUR)));
    expect(added.added).not.toBeNull();

    await tick(at(2 * HOUR));

    expect(await charges()).toEqual([{ at: 2 * HOUR, amount: "1.0000" }]);
  });

  test("a price that is being added holds up the run that begins meanwhile, which then has it", async () => {
    const scene = await openScene(database, "bob");
    await openSceneRun(database, scene, "r1");
    const journal = new SceneJournal(scene);
    const price = { spec: "A", line: "spec", unitPrice: "60", billingUnit: "hour", createdBy: null } as const;

    const { ingested } = await transaction(database, async (tx) => {
      await addPrice(tx, { ...price, effectiveFrom: at(-MINUTE) }, at(-MINUTE));
      const begins = send(scene, journal, journal.write({ run: "r1", fromMs: 0, toMs: HOUR }), at(HOUR));
      await eventually(async () => {
        const { rows } = await database.query<{ count: number }>(
          "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        return (rows[0]?.count ?? 0) > 0;
      });
      // In an object, since a bare promise would be waited for within the transaction.
      return { ingested: begins };
    });
    await ingested;
    await tick(at(HOUR));

    expect(await charges()).toEqual([{ at: HOUR, amount: "60.0000" }]);
  });

  test("a stretch that was broken is given back, with what shows it, and time after it is charged", async () => {
    const { scene } = await runningUntil(2 * HOUR);
    await tick(at(HOUR));
    const stretch = {
      runId: "r1",
      reason: "gpu-lost",
      from: at(10 * MINUTE),
      evidence: { sentence: "GPU-1 fell off the bus" },
    } as const;
    const begun = await transaction(database, (tx) => waiveBroken(tx, { ...stretch, to: null }, at(HOUR)));

    await tick(at(2 * HOUR));
    expect(await accountOf(scene)).toMatchObject({ balance: "99.0000" });
    expect((await balanceView(database, { customerId: scene.customerId, now: at(2 * HOUR) }))?.accrued).toBe(
      "0.0000",
    );
    const ended = await transaction(database, (tx) =>
      waiveBroken(tx, { ...stretch, to: at(90 * MINUTE) }, at(2 * HOUR)),
    );
    await tick(at(3 * HOUR));

    expect([begun, ended]).toEqual([true, true]);
    expect(await accountOf(scene)).toMatchObject({ balance: "96.0000" });
    const { rows } = await database.query(
      "SELECT source_kind, source_id, reason FROM ledger_transactions WHERE run_id = 'r1' ORDER BY id",
    );
    expect(rows).toEqual([
      { source_kind: "charge", source_id: "r1/1", reason: null },
      {
        source_kind: "credit",
        source_id: "r1/2",
        reason: "gpu-lost since 2026-03-10T02:10:00Z: GPU-1 fell off the bus",
      },
      { source_kind: "charge", source_id: "r1/3", reason: null },
    ]);
    expect(await trialBalance(database)).toEqual(BOOKS_AGREE);
  });

  test("time that turns out to be waived is given back", async () => {
    await runningUntil(HOUR);
    await tick(at(HOUR));
    await transaction(database, (tx) =>
      waiveRun(tx, { runId: "r1", from: at(30 * MINUTE), reason: "re-placed" }),
    );

    await tick(at(2 * HOUR));

    expect((await charges()).map((charge) => charge.amount)).toEqual(["6.0000", "-3.0000"]);
  });
});
