/** Alerts on Postgres: in the transaction of what they tell, once, whatever is cut off; and at the end of full hours. */
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { notifyHourAlerts } from "@remotegpu/control-plane/server/controllers/billing/hour-alerts";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { setMonthlyLimit, setThresholds } from "@remotegpu/control-plane/server/store/events/alert-rules";
import { alertsAfterPostings } from "@remotegpu/control-plane/server/store/events/money-alerts";
import { adjust, refund, topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership, currentTerm } from "@remotegpu/control-plane/server/store/database/leader";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { insertWebhook } from "@remotegpu/control-plane/server/store/events/webhooks";
import { parsePoints } from "@remotegpu/shared/values/money";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
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

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = fresh.database;
});
afterAll(() => fresh.drop());
// Each test has a customer and a clock of its own: nothing runs any more, and hours begin anew.
beforeEach(async () => {
  await database.query("UPDATE runs SET closed_at = now(), uncharged = false");
  await database.query("UPDATE alerts SET recovered_at = fired_at WHERE recovered_at IS NULL");
  await database.query("DELETE FROM alert_rules");
  await database.query("DELETE FROM hour_ticks");
});

let counter = 0;
async function newScene(balance: string): Promise<Scene> {
  counter += 1;
  return await openScene(database, `ann-${counter}`, balance);
}

async function tick(now: Date, on = database): Promise<void> {
  const term = await acquireLeadership(database, { holder: "one", now });
  await chargeDueHours({ db: on, calendar: CHINA }, { term: term ?? 0, now });
}

/** Only what a test asks for is told. */
async function warn(scene: Scene, options: { balances?: string[]; hoursLeft?: string[] }): Promise<void> {
  const { balances = [], hoursLeft = [] } = options;
  const lists = { balances: balances.map(parsePoints), hoursLeft: hoursLeft.map(parsePoints) };
  await setThresholds(database, { customerId: scene.customerId, request: lists });
}

async function budget(scene: Scene, limit: string | null): Promise<void> {
  const points = limit === null ? null : parsePoints(limit);
  await setMonthlyLimit(database, { customerId: scene.customerId, limit: points });
}

async function move(scene: Scene, amount: string, id: string, moment = at(0), db = database): Promise<void> {
  const points = parsePoints(amount);
  const payment = {
    id: `${id} of ${scene.hostId}`,
    customerId: scene.customerId,
    amount: points,
    at: moment,
    reason: "r",
    actor: "test",
  };
  await transaction(db, (tx) => (points > 0n ? topUp(tx, payment) : adjust(tx, payment)));
}

/** A run with so much proven time, sent when it was proven. */
async function run(
  scene: Scene,
  name: string,
  { fromMs, toMs, final = false }: { fromMs: number; toMs: number; final?: boolean },
): Promise<void> {
  const runId = runIdOf(scene, name);
  await openSceneRun(database, scene, runId, at(fromMs));
  const journal = new SceneJournal(scene);
  journal.write({ run: runId, fromMs, toMs, final });
  const deps = { db: database, verify: async () => true, calendar: CHINA };
  await ingestBatch(deps, scene.hostId, journal.batch(), at(toMs));
}

function runIdOf(scene: Scene, name: string): string {
  return `${name}-${scene.customerId}`;
}

/** "low-balance 50 fired at 60" (minutes), with what has recovered; in the order in which it fired. */
async function alerts(scene: Scene): Promise<string[]> {
  const { rows } = await database.query<{
    kind: string;
    threshold: string | null;
    fired_at: Date;
    recovered_at: Date | null;
  }>("SELECT kind, threshold, fired_at, recovered_at FROM alerts WHERE customer_id = $1 ORDER BY id", [
    scene.customerId,
  ]);
  const minutes = (moment: Date) => (moment.getTime() - at(0).getTime()) / MINUTE;
  return rows.map(({ kind, threshold, fired_at: fired, recovered_at: over }) =>
    [
      kind,
      ...(threshold === null ? [] : [Number(threshold)]),
      `at ${minutes(fired)}`,
      ...(over === null ? [] : [`until ${minutes(over)}`]),
    ].join(" "),
  );
}

async function countOf(scene: Scene, what: "events" | "messages"): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    what === "events"
      ? "SELECT count(*) FROM events WHERE customer_id = $1 AND kind = 'alert'"
      : "SELECT count(*) FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE w.customer_id = $1",
    [scene.customerId],
  );
  return rows[0]?.count ?? 0;
}

/** As if nothing had been told to anybody. */
async function forgetAlerts(): Promise<void> {
  await database.query("DELETE FROM webhook_deliveries; DELETE FROM alerts; DELETE FROM events");
}

async function webhook(scene: Scene): Promise<void> {
  const { customerId } = scene;
  const one = { customerId, url: "https://example.com/", secret: "s", kinds: null, now: at(0) };
  await transaction(database, (tx) => insertWebhook(tx, one));
}

describe("a posting", () => {
  test("that crosses thresholds reports so, and one that brings the balance back ends it", async () => {
    const scene = await newScene("100");
    await warn(scene, { balances: ["50", "10"] });

    await move(scene, "-50", "a1", at(1 * MINUTE));
    await move(scene, "-45", "a2", at(2 * MINUTE));
    await move(scene, "6", "t1", at(3 * MINUTE));
    await move(scene, "-1", "a3", at(4 * MINUTE));

    expect(await alerts(scene)).toEqual([
      "low-balance 50 at 1",
      "low-balance 10 at 2 until 3",
      "low-balance 10 at 4",
    ]);
  });

  test("counts with the thresholds of the settings where the customer has none", async () => {
    const scene = await newScene("100");
    await setSetting(database, "ALERT_BALANCES", "70,12.5");

    await move(scene, "-30", "a1");
    await move(scene, "-57.5", "a2");

    await database.query("DELETE FROM settings");
    expect(await alerts(scene)).toEqual(["low-balance 70 at 0", "low-balance 12.5 at 0"]);
  });

  test("by a charge is reported in the transaction of the charge", async () => {
    const scene = await newScene("10");
    await warn(scene, { balances: ["4"] });

    await run(scene, "r1", { fromMs: 0, toMs: HOUR, final: true });

    expect(await alerts(scene)).toEqual(["low-balance 4 at 60"]);
  });

  test.each(["before", "after"] as const)(
    "a crash %s any of its statements loses no alert and doubles none",
    async (when) => {
      const scene = await newScene("100");
      await warn(scene, { balances: ["50"] });
      await webhook(scene);
      for (let statement = 1, reached = true; reached; statement += 1) {
        const failing = failingDatabase(fresh.url, { at: statement, when });
        const id = `a-${statement}`;

        await move(scene, "-60", id, at(0), failing).catch(() => undefined);
        reached = failing.hasFailed();
        await failing.close();
        // Asked again until the ledger knows it.
        await move(scene, "-60", id);

        expect(await alerts(scene)).toEqual(["low-balance 50 at 0"]);
        expect([await countOf(scene, "events"), await countOf(scene, "messages")]).toEqual([1, 1]);
        expect(statement).toBeLessThan(30);
        await move(scene, "60", `t-${statement}`);
        await forgetAlerts();
      }
    },
  );

  test("at the same time as others: each crossing is reported once", async () => {
    const scene = await newScene("100");
    await warn(scene, { balances: ["50", "10"] });

    await Promise.all(Array.from({ length: 10 }, (_, index) => move(scene, "-9.5", `a${index}`)));

    expect(await alerts(scene)).toEqual(["low-balance 50 at 0", "low-balance 10 at 0"]);
  });

  test("of several in one transaction each counts after the one before", async () => {
    const scene = await newScene("100");
    await warn(scene, { balances: ["50"] });
    const change = (before: string, after: string, minute: number) => ({
      customerId: scene.customerId,
      before: parsePoints(before),
      after: parsePoints(after),
      at: at(minute * MINUTE),
    });

    await transaction(database, (tx) =>
      alertsAfterPostings(tx, [change("100", "40", 1), change("40", "60", 2), change("60", "50", 3)]),
    );

    expect(await alerts(scene)).toEqual(["low-balance 50 at 1 until 2", "low-balance 50 at 3"]);
  });
});

test("an account reports that it is overdue, suspended, and normal again", async () => {
  await tick(at(0));
  const scene = await newScene("5");
  await warn(scene, {});
  await run(scene, "r1", { fromMs: 0, toMs: HOUR });

  await tick(at(HOUR));
  await tick(at(2 * HOUR));
  await move(scene, "20", "t1", at(150 * MINUTE));

  expect(await alerts(scene)).toEqual(["overdue at 60 until 150", "suspended at 120 until 150"]);
  expect(await countOf(scene, "events")).toBe(4);
});

describe("a full hour", () => {
  test("reports how long the money lasts, once, and that it lasts again", async () => {
    await tick(at(0));
    const scene = await newScene("36");
    await warn(scene, { hoursLeft: ["5", "4"] });
    // 6 an hour.
    await run(scene, "r1", { fromMs: 0, toMs: HOUR });

    await tick(at(HOUR));
    await tick(at(2 * HOUR));
    await move(scene, "7.4", "t1", at(150 * MINUTE));
    await tick(at(3 * HOUR));
    await move(scene, "0.2", "t2", at(190 * MINUTE));
    await tick(at(4 * HOUR));

    // 30 are five hours; 37.4 are 6.23, not yet a quarter beyond; 37.6 are 6.26.
    expect(await alerts(scene)).toEqual(["hours-left 5 at 60 until 240"]);
  });

  test("counts what has accrued as spent", async () => {
    await tick(at(0));
    const scene = await newScene("100");
    await warn(scene, { hoursLeft: ["14"] });
    // An hour is charged; what was proven beyond it is not.
    await run(scene, "r1", { fromMs: 0, toMs: 100 * MINUTE });
    await tick(at(HOUR));

    // 94 less 4 accrued are 15 hours; an hour later 4 more are charged and nothing accrues.
    expect(await alerts(scene)).toEqual([]);
    await move(scene, "-6", "a1", at(61 * MINUTE));
    await tick(at(2 * HOUR));

    expect(await alerts(scene)).toEqual(["hours-left 14 at 120"]);
  });

  test("reports the parts of the budget that are spent, less what was given back", async () => {
    await tick(at(0));
    const scene = await newScene("1000");
    await warn(scene, {});
    await budget(scene, "10");
    await run(scene, "r1", { fromMs: 0, toMs: HOUR, final: true });
    await tick(at(HOUR));
    await run(scene, "r2", { fromMs: HOUR, toMs: 2 * HOUR, final: true });
    await tick(at(2 * HOUR));
    await transaction(database, (tx) =>
      refund(tx, {
        id: `f1 of ${scene.hostId}`,
        runId: runIdOf(scene, "r2"),
        amount: parsePoints("3"),
        at: at(150 * MINUTE),
        reason: null,
        actor: "test",
      }),
    );
    await tick(at(3 * HOUR));

    expect(await alerts(scene)).toEqual([
      "budget 50 at 60",
      "budget 80 at 120",
      "budget 100 at 120 until 180",
    ]);
  });

  test("at the end of a month counts its last hour, and begins the next month with nothing", async () => {
    // Midnight in China on the first of April.
    const midnight = Date.parse("2026-03-31T16:00:00Z") - at(0).getTime();
    const scene = await newScene("1000");
    await warn(scene, {});
    await budget(scene, "10");
    await tick(at(midnight - HOUR));
    // An hour of March and an hour of April in one run: 6 each.
    await run(scene, "r1", { fromMs: midnight - HOUR, toMs: midnight + HOUR, final: true });

    await tick(at(midnight));
    await tick(at(midnight + HOUR));

    const [first, second] = [midnight / MINUTE, (midnight + HOUR) / MINUTE];
    expect(await alerts(scene)).toEqual([`budget 50 at ${first} until ${second}`, `budget 50 at ${second}`]);
  });

  test.each(["before", "after"] as const)(
    "a crash %s any of its statements loses no alert and doubles none",
    async (when) => {
      await tick(at(0));
      const scene = await newScene("30");
      await warn(scene, {});
      await webhook(scene);
      await run(scene, "r1", { fromMs: 0, toMs: HOUR });
      await tick(at(HOUR));
      await warn(scene, { hoursLeft: ["4"] });
      await budget(scene, "10");
      const hour = { hour: at(HOUR), term: await currentTerm(database) };
      for (let statement = 1, reached = true; reached; statement += 1) {
        const failing = failingDatabase(fresh.url, { at: statement, when });

        await notifyHourAlerts({ db: failing, calendar: CHINA }, hour).catch(() => undefined);
        reached = failing.hasFailed();
        await failing.close();
        await notifyHourAlerts({ db: database, calendar: CHINA }, hour);

        expect(await alerts(scene)).toEqual(["hours-left 4 at 60", "budget 50 at 60"]);
        expect([await countOf(scene, "events"), await countOf(scene, "messages")]).toEqual([2, 2]);
        expect(statement).toBeLessThan(30);
        await forgetAlerts();
      }
    },
  );

  test("two leaders of one term at once report once", async () => {
    await tick(at(0));
    const scene = await newScene("30");
    await warn(scene, { hoursLeft: ["4"] });
    await run(scene, "r1", { fromMs: 0, toMs: HOUR });

    await Promise.allSettled([tick(at(HOUR)), tick(at(HOUR))]);
    await tick(at(HOUR + DAY / 2));

    expect(await alerts(scene)).toEqual(["hours-left 4 at 60"]);
    expect(await countOf(scene, "events")).toBe(1);
  });
});
