/** Many charges and postings at once: what they decide is what one after the other would. */
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { balanceView } from "@remotegpu/control-plane/server/store/spending/balance";
import {
  type Posting,
  postTransactions,
  trialBalance,
} from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { refund } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { parsePoints } from "@remotegpu/shared/values/money";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import {
  at,
  CHINA,
  openScene,
  openSceneRun,
  type Scene,
  SceneJournal,
} from "../../support/billing/metering-scene.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";

const HOUR = 3_600_000;

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = fresh.database;
});
afterAll(() => fresh.drop());

let scenes = 0;
const nextScene = (balance = "0") => openScene(database, `c${(scenes += 1)}`, balance);

async function nextCustomer(): Promise<number> {
  const username = `c${(scenes += 1)}`;
  const { rows } = await database.query<{ id: number }>(
    "INSERT INTO customers (username, email, password_hash) VALUES ($1, $1, '') RETURNING id",
    [username],
  );
  return rows[0]?.id ?? 0;
}

describe("postings at once", () => {
  type Request = Pick<Posting, "amount" | "sourceKind"> & { payer: number; cause: number };

  const requests: fc.Arbitrary<Request[]> = fc.array(
    fc.record({
      payer: fc.nat(2),
      cause: fc.nat(8),
      amount: fc.oneof(fc.bigInt(-30_000n, 30_000n), fc.constant(10n ** 20n - 1n)),
      sourceKind: fc.constantFrom("topup", "charge", "adjustment"),
    }),
    { maxLength: 12 },
  );

  /** The third payer does not exist. */
  async function payers(): Promise<number[]> {
    return [await nextCustomer(), await nextCustomer(), 10 ** 9 + scenes];
  }

  function postingsOf(list: readonly Request[], customerIds: readonly number[]): Posting[] {
    return list.map(({ payer, cause, amount, sourceKind }, nth) => ({
      sourceKind,
      // Causes are the payers' own here, so that both ways may have the same.
      sourceId: `${customerIds[0]}-${cause}`,
      customerId: customerIds[payer] ?? 0,
      amount,
      contra: "adjustment",
      at: at(nth),
      reason: null,
      actor: "test",
    }));
  }

  async function leftOf(customerIds: readonly number[]): Promise<unknown[]> {
    const { rows: accounts } = await database.query(
      `SELECT balance, overdue_status, overdue_since, last_payment_at FROM customers
        WHERE id = ANY($1::bigint[]) ORDER BY id`,
      [customerIds],
    );
    const { rows: events } = await database.query(
      `SELECT at, kind, actor, old, new, customer_id - $2 AS payer FROM events
        WHERE customer_id = ANY($1::bigint[]) AND kind = 'account-status' ORDER BY id`,
      [customerIds, customerIds[0]],
    );
    const { rows: entries } = await database.query(
      `SELECT t.source_kind, t.at, e.account, e.amount FROM ledger_entries e
         JOIN ledger_transactions t ON t.id = e.transaction_id WHERE e.customer_id = ANY($1::bigint[]) ORDER BY e.id`,
      [customerIds],
    );
    return [accounts, events, entries];
  }

  test("come to the balances, states, events and entries of the same one by one", async () => {
    await fc.assert(
      fc.asyncProperty(requests, async (list) => {
        const [atOnce, oneByOne] = [await payers(), await payers()];

        const answers = await transaction(database, (tx) => postTransactions(tx, postingsOf(list, atOnce)));
        const expected = await transaction(database, async (tx) => {
          const posted = [];
          for (const posting of postingsOf(list, oneByOne))
            posted.push(...(await postTransactions(tx, [posting])));
          return posted;
        });

        const withoutIds = (all: typeof answers) => all.map((one) => ({ ...one, transactionId: null }));
        expect(withoutIds(answers)).toEqual(withoutIds(expected));
        expect(await leftOf(atOnce)).toEqual(await leftOf(oneByOne));
      }),
      { numRuns: 15 },
    );
    expect(await trialBalance(database)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
  });
});

describe("an hour's runs", () => {
  async function tick(now: Date, on = database) {
    const term = await acquireLeadership(database, { holder: "one", now });
    return await chargeDueHours({ db: on, calendar: CHINA }, { term: term ?? 0, now });
  }

  async function prove(
    scene: Scene,
    runs: readonly string[],
    [fromMs, toMs]: [number, number],
  ): Promise<void> {
    const journal = new SceneJournal(scene);
    for (const run of runs) journal.write({ run, fromMs, toMs });
    await ingestBatch(
      { db: database, verify: async () => true, calendar: CHINA },
      scene.hostId,
      journal.batch(),
      at(toMs),
    );
  }

  async function runsOf(scene: Scene, count: number): Promise<string[]> {
    const runs = Array.from({ length: count }, (_, nth) => `${scene.hostId}-run-${nth}`);
    for (const run of runs) await openSceneRun(database, scene, run);
    return runs;
  }

  test("a run without a price holds up none of the others, and the counts are true", async () => {
    await tick(at(0));
    const scene = await nextScene("20");
    const runs = await runsOf(scene, 5);
    await database.query("UPDATE runs SET spec = 'unpriced' WHERE id = $1", [runs[2]]);
    await prove(scene, runs, [0, HOUR]);

    const [report] = await tick(at(HOUR));

    expect(report).toMatchObject({ runsCharged: 4 });
    const { rows: hours } = await database.query(
      "SELECT runs_charged, amount FROM hour_ticks WHERE hour = $1",
      [at(HOUR)],
    );
    expect(hours).toEqual([{ runs_charged: 4, amount: "24.0000" }]);
    const { rows: left } = await database.query("SELECT id FROM runs WHERE uncharged AND id = ANY($1)", [
      runs,
    ]);
    expect(left).toEqual([{ id: runs[2] }]);
    const { rows: account } = await database.query(
      "SELECT balance, overdue_status, overdue_since FROM customers WHERE id = $1",
      [scene.customerId],
    );
    expect(account).toEqual([{ balance: "-4.0000", overdue_status: "overdue", overdue_since: at(HOUR) }]);
  });

  test("a run that costs more than anything can hold is left uncharged with an alarm, and holds up nobody", async () => {
    await tick(at(HOUR));
    const scene = await nextScene("20");
    const [dear = "", other = ""] = await runsOf(scene, 2);
    // So many of it that an hour comes to more than 10^16 points.
    await database.query("UPDATE run_lines SET quantity = 10000000000000000 WHERE run_id = $1", [dear]);
    await prove(scene, [dear, other], [HOUR, 2 * HOUR]);

    const [report] = await tick(at(2 * HOUR));

    expect(report).toMatchObject({ runsCharged: 1 });
    const { rows: runs } = await database.query(
      "SELECT id, posted_amount, uncharged FROM runs WHERE id = ANY($1) ORDER BY id",
      [[dear, other]],
    );
    expect(runs).toEqual([
      { id: dear, posted_amount: "0.0000", uncharged: true },
      { id: other, posted_amount: "6.0000", uncharged: false },
    ]);
    const { rows: alarms } = await database.query("SELECT kind FROM alarms WHERE subject = $1", [dear]);
    expect(alarms).toEqual([{ kind: "charge-beyond-column" }]);
  });

  test("the end of such a run is ingested, and so is what its host reports after it", async () => {
    const scene = await nextScene("20");
    const [dear = "", other = ""] = await runsOf(scene, 2);
    await database.query("UPDATE run_lines SET quantity = 10000000000000000 WHERE run_id = $1", [dear]);
    const journal = new SceneJournal(scene);
    journal.write({ run: dear, fromMs: 0, toMs: HOUR, final: true });
    journal.write({ run: other, fromMs: 0, toMs: HOUR, final: true });
    const deps = { db: database, verify: async () => true, calendar: CHINA };

    const report = await ingestBatch(deps, scene.hostId, journal.batch(), at(HOUR));

    expect(report).toMatchObject({ decided: 2, quarantined: 0, watermark: 2 });
    const { rows } = await database.query("SELECT balance FROM customers WHERE id = $1", [scene.customerId]);
    expect(rows).toEqual([{ balance: "14.0000" }]);
  });

  test("a run whose charge the database refuses, whoever tries, is left out with an alarm", async () => {
    await tick(at(2 * HOUR));
    const scene = await nextScene("20");
    const [poisoned = "", other = ""] = await runsOf(scene, 2);
    await prove(scene, [poisoned, other], [2 * HOUR, 3 * HOUR]);
    await database.query(
      "ALTER TABLE billing_records ADD CONSTRAINT no_poison CHECK (run_id <> $1) NOT VALID".replace(
        "$1",
        `'${poisoned}'`,
      ),
    );

    const [report] = await tick(at(3 * HOUR));

    await database.query("ALTER TABLE billing_records DROP CONSTRAINT no_poison");
    expect(report).toMatchObject({ runsCharged: 1 });
    const { rows: alarms } = await database.query("SELECT kind FROM alarms WHERE subject = $1", [poisoned]);
    expect(alarms).toEqual([{ kind: "charge-failed" }]);
    expect(await tick(at(4 * HOUR))).toMatchObject([{ runsCharged: 1 }]);
  });

  test("what was refunded and is then not charged any more is given back once, and its account stays as it is", async () => {
    await tick(at(4 * HOUR));
    const scene = await nextScene("7");
    const [run = ""] = await runsOf(scene, 1);
    await prove(scene, [run], [4 * HOUR, 5 * HOUR]);
    await tick(at(5 * HOUR));
    const payment = {
      id: `back-${run}`,
      runId: run,
      amount: parsePoints("5"),
      at: at(5 * HOUR),
      reason: null,
      actor: "test",
    };
    await transaction(database, (tx) => refund(tx, payment));
    const stretch = {
      runId: run,
      reason: "gpu-lost",
      from: at(4 * HOUR),
      to: at(4.5 * HOUR),
      evidence: {},
    } as const;
    await transaction(database, (tx) => waiveBroken(tx, stretch, at(5 * HOUR)));

    await tick(at(6 * HOUR));

    const { rows } = await database.query(
      `SELECT t.source_kind, e.amount FROM ledger_transactions t
         JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
        WHERE t.run_id = $1 ORDER BY t.id`,
      [run],
    );
    expect(rows).toEqual([
      { source_kind: "charge", amount: "-6.0000" },
      { source_kind: "refund", amount: "5.0000" },
      { source_kind: "credit", amount: "3.0000" },
      { source_kind: "refund", amount: "-2.0000" },
    ]);
    const { rows: events } = await database.query(
      "SELECT FROM events WHERE customer_id = $1 AND kind = 'account-status'",
      [scene.customerId],
    );
    expect(events).toEqual([]);
  });

  test("are charged, and listed before, by so many statements, however many they are", async () => {
    const counts: { tick: number; view: number }[] = [];
    for (const [nth, count] of [1, 6].entries()) {
      const [from, to] = [(nth + 7) * HOUR, (nth + 8) * HOUR];
      await tick(at(from));
      const scene = await nextScene("1000");
      await prove(scene, await runsOf(scene, count), [from, to]);
      const counting = failingDatabase(fresh.url, { at: Infinity, when: "before" });
      const view = await transaction(counting, (tx) =>
        balanceView(tx, { customerId: scene.customerId, now: at(to) }),
      );
      const viewed = counting.statements();

      const [report] = await tick(at(to), counting);

      expect(view).toMatchObject({ accrued: `${6 * count}.0000` });
      expect(report).toMatchObject({ runsCharged: count });
      counts.push({ view: viewed, tick: counting.statements() - viewed });
      await counting.close();
    }

    expect(counts[1]).toEqual(counts[0]);
  });
});
