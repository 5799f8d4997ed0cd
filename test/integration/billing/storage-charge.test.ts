/**
 * Days of storage on Postgres: charged once each at the midnight that ends them, whatever is cut off, doubled, late or
 * missed; and what their customers see of it. Midnight is at 16:00 UTC. The tests share a database: each has a customer
 * and days of its own, earlier ones than the test before it.
 */
import {
  chargeDueHours,
  type HourReport,
} from "@remotegpu/control-plane/server/controllers/billing/charging";
import { transaction } from "@remotegpu/control-plane/server/store/database/database";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { GIB } from "@remotegpu/shared/values/units";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ApiWorld, type Caller, openApi } from "../../support/http/api.ts";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import { CHINA } from "../../support/billing/metering-scene.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The last midnight before now, so that the API's clock is within the day that it begins. */
const TODAY = Math.floor((Date.now() + 8 * HOUR) / DAY) * DAY - 8 * HOUR;
const FIRST_PRICE = TODAY - 1_000 * DAY - HOUR;
const BOOKS_AGREE = { total: "0.0000", unbalancedCustomers: 0 };

const dayText = (midnightMs: number) => new Date(midnightMs + 8 * HOUR).toISOString().slice(0, 10);

let fresh: FreshDatabase;
let api: ApiWorld;
let ann: Caller & { workspaceId: number };
let tests = 0;
/** The midnight that a test is about, and the day that it ends. */
let midnight = TODAY;
let yesterday = "";

beforeAll(async () => {
  fresh = await freshDatabase();
  api = await openApi({}, fresh);
  await api.db.query("INSERT INTO hosts (id, name, ip_address) VALUES ('pool-host', 'pool-host', '')");
  await price("0.01", FIRST_PRICE);
});
afterAll(async () => await api.close());
beforeEach(async () => {
  await begin(TODAY - tests * 10 * DAY);
});

/** A new customer in a system whose first tick is the one before this midnight. */
async function begin(midnightMs: number): Promise<void> {
  midnight = midnightMs;
  yesterday = dayText(midnight - DAY);
  ann = await api.customer(`ann-${(tests += 1)}`);
  await restart(midnight - HOUR);
}

async function restart(firstTickMs: number): Promise<void> {
  await api.db.query("DELETE FROM hour_ticks");
  await api.db.query("DELETE FROM leader");
  await api.db.query("INSERT INTO leader DEFAULT VALUES");
  await tick(firstTickMs);
}

async function price(unitPrice: string, from: number): Promise<void> {
  await transaction(api.db, (tx) =>
    addPrice(
      tx,
      {
        spec: "storage",
        line: "storage",
        unitPrice,
        billingUnit: "day",
        effectiveFrom: new Date(from),
        createdBy: null,
      },
      new Date(from),
    ),
  );
}

/** Samples of so many GB each, in hours after `fromMs`; null is an hour in which it could not be measured. */
async function sampled(
  fromMs: number,
  gbs: (number | null)[],
  { workspaceId = ann.workspaceId, pool = `pool-${tests}`, isFinished = true } = {},
): Promise<void> {
  for (const [n, gb] of gbs.entries()) {
    const hour = new Date(fromMs + n * HOUR);
    await api.db.query(
      `INSERT INTO storage_hours (storage_pool, hour, host_id, claimed_at, finished_at)
       VALUES ($1, $2, 'pool-host', $2, $3) ON CONFLICT DO NOTHING`,
      [pool, hour, isFinished ? hour : null],
    );
    if (gb !== 0)
      await api.db.query(
        "INSERT INTO storage_samples (workspace_id, storage_pool, hour, bytes) VALUES ($1, $2, $3, $4)",
        [workspaceId, pool, hour, gb === null ? null : gb * GIB],
      );
  }
}

/** A version of a dataset of so many GB, which lies in the pool of a host. */
async function sealed(gb: number, atMs: number): Promise<void> {
  const { rows } = await api.db.query<{ id: number }>(
    "INSERT INTO datasets (customer_id, name, storage_path) VALUES ($1, 'd', 'd/files') RETURNING id",
    [ann.customerId],
  );
  await api.db.query(
    `INSERT INTO data_copies (dataset_id, version, storage_pool, folder, status, manifest_sha256, total_size, file_count,
            begun_by, begun_at, ready_at)
     VALUES ($1, 1, 'pool-host', 'd', 'ready', repeat('0', 64), $2, 1, $3, $4, $4)`,
    [rows[0]?.id, gb * GIB, ann.customerId, new Date(atMs)],
  );
}

async function tick(nowMs: number, { on = api.db, holder = "one" } = {}): Promise<HourReport[]> {
  const now = new Date(nowMs);
  const term = await acquireLeadership(api.db, { holder, now });
  return await chargeDueHours({ db: on, calendar: CHINA }, { term: term ?? 0, now });
}

/** The month, or where it is closed the first that is not. */
async function openMonth(month: string): Promise<string> {
  const { rows } = await api.db.query<{ month: string }>(
    "SELECT to_char(greatest($1::date, max(month) + interval '1 month'), 'YYYY-MM-DD') AS month FROM invoice_closings",
    [month],
  );
  return rows[0]?.month ?? month;
}

async function days() {
  const { rows } = await api.db.query<{ day: string; samples: number; average_gb: string; amount: string }>(
    "SELECT day, samples, average_gb, amount FROM storage_days WHERE customer_id = $1 ORDER BY day, workspace_id",
    [ann.customerId],
  );
  return rows.map(({ day, samples, average_gb, amount }) => [day, samples, Number(average_gb), amount]);
}

async function balance(): Promise<string> {
  const { rows } = await api.db.query<{ balance: string }>("SELECT balance FROM customers WHERE id = $1", [
    ann.customerId,
  ]);
  return rows[0]?.balance ?? "";
}

async function countOf(table: "billing_records" | "ledger_transactions"): Promise<number> {
  return (await api.db.query(`SELECT FROM ${table} WHERE customer_id = $1`, [ann.customerId])).rowCount;
}

describe("GET /billing/storage", () => {
  test("shows days that are over, page by page, and what is open as if it ended now", async () => {
    const team = await api.request("POST", "/api/v1/workspaces", { as: ann, body: { name: "team" } });
    await restart(midnight - 2 * DAY - HOUR);
    await sampled(midnight - 3 * DAY, [60]);
    await sampled(midnight - 2 * DAY, [70]);
    await sampled(midnight - 2 * DAY, [80], { workspaceId: team.body.id });
    for (let pass = 0; pass < 2; pass += 1) await tick(midnight - DAY);
    await sampled(midnight - DAY, [90]);
    await sampled(midnight, [100]);

    const first = await api.request("GET", "/api/v1/billing/storage?limit=2", { as: ann });
    const second = await api.request(
      "GET",
      `/api/v1/billing/storage?limit=2&cursor=${first.body.next_cursor}`,
      {
        as: ann,
      },
    );
    const ofTeam = await api.request("GET", `/api/v1/billing/storage?workspace_id=${team.body.id}`, {
      as: ann,
    });

    expect(first.body.open).toEqual([
      {
        workspace_id: ann.workspaceId,
        day: dayText(midnight),
        samples: 1,
        average_gb: "100.000000",
        billable_gb: "50.000000",
        unit_price: "0.010000",
        amount: "0.5000",
        state: "open",
      },
      expect.objectContaining({ day: yesterday, average_gb: "90.000000", state: "open" }),
    ]);
    const visible = [...first.body.items, ...second.body.items].map((row) => [
      row.workspace_id,
      row.day,
      row.amount,
    ]);
    expect(visible).toEqual([
      [team.body.id, dayText(midnight - 2 * DAY), "0.3000"],
      [ann.workspaceId, dayText(midnight - 2 * DAY), "0.2000"],
      [ann.workspaceId, dayText(midnight - 3 * DAY), "0.1000"],
    ]);
    expect(second.body.next_cursor).toBeNull();
    expect(ofTeam.body).toMatchObject({ open: [], items: [{ amount: "0.3000" }] });
  });

  test("a cursor of another list, or of no day, is refused", async () => {
    for (const key of ['["a"]', '["2026-13-45",1]', '["2026-01-01",-1]']) {
      const cursor = Buffer.from(key).toString("base64url");
      const answer = await api.request("GET", `/api/v1/billing/storage?cursor=${cursor}`, { as: ann });

      expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: "cursor" }] } });
    }
  });
});

describe("a day", () => {
  test("is charged at the tick of its last midnight, once, with record, ledger and its row", async () => {
    await sampled(midnight - DAY, [60, 60, 60, 80]);

    const reports = [await tick(midnight - 1), await tick(midnight), await tick(midnight + HOUR)];

    expect(reports.flat().map((report) => report.storageDaysCharged)).toEqual([1, 0]);
    expect(await days()).toEqual([[yesterday, 4, 65, "0.1500"]]);
    const { rows } = await api.db.query(
      `SELECT b.customer_id, b.workspace_id, resource_type, resource_id, b.run_id, line, quantity, unit_price, billing_unit,
              billing_minutes, amount, start_time, end_time, usage_month, invoice_month, b.created_at, t.source_kind, t.source_id
         FROM billing_records b JOIN ledger_transactions t ON t.id = b.transaction_id
        WHERE b.customer_id = $1`,
      [ann.customerId],
    );
    const usageMonth = `${yesterday.slice(0, 7)}-01`;
    expect(rows).toEqual([
      {
        customer_id: ann.customerId,
        workspace_id: ann.workspaceId,
        resource_type: "storage",
        resource_id: String(ann.workspaceId),
        run_id: null,
        line: "storage",
        quantity: "15.000000",
        unit_price: "0.010000",
        billing_unit: "day",
        billing_minutes: null,
        amount: "0.1500",
        start_time: new Date(midnight - DAY),
        end_time: new Date(midnight),
        usage_month: usageMonth,
        // The month stays open for a day; a test of a later midnight may have closed it before.
        invoice_month: await openMonth(usageMonth),
        created_at: new Date(midnight),
        source_kind: "storage",
        source_id: `${ann.workspaceId}/${yesterday}`,
      },
    ]);
    expect(await balance()).toBe("-0.1500");
    expect(await trialBalance(api.db)).toEqual(BOOKS_AGREE);
    const unwell = (await examine(api.db, new Date())).filter(({ state }) => state !== "well");
    expect(unwell.map(({ check }) => check)).not.toContain("storage-days-are-posted");
    expect(unwell.map(({ check }) => check)).not.toContain("storage-postings-have-days");
  });

  test("within the free amount posts nothing and is over all the same", async () => {
    await sampled(midnight - DAY, [50]);
    await tick(midnight);
    await sampled(midnight - HOUR, [90]);
    await tick(midnight + HOUR);

    expect(await days()).toEqual([[yesterday, 1, 50, "0.0000"]]);
    expect(await countOf("ledger_transactions")).toBe(0);
  });

  test("has its last hour's sample if that is there by the tick, however late the tick", async () => {
    await sampled(midnight - 2 * HOUR, [60, 80]);

    await tick(midnight + 3 * HOUR);
    await sampled(midnight - 3 * HOUR, [900]);
    await tick(midnight + DAY);

    expect(await days()).toEqual([[yesterday, 2, 70, "0.2000"]]);
  });

  test("counts the hour at midnight for the next day, and nothing of an hour that was not sampled to its end", async () => {
    await sampled(midnight - 2 * HOUR, [60]);
    await sampled(midnight - HOUR, [600], { isFinished: false });
    await sampled(midnight, [700]);

    await tick(midnight);

    expect(await days()).toEqual([[yesterday, 1, 60, "0.1000"]]);
  });

  test("has samples of nothing before and after what lay there, and none where it was not measured", async () => {
    await sampled(midnight - DAY, [0, 0, 200, null, 200, 0]);
    await sampled(midnight - DAY, [null, null], { pool: `slow-${tests}` });

    await tick(midnight);

    expect(await days()).toEqual([[yesterday, 5, 80, "0.3000"]]);
  });

  test("adds the means of its pools, so that one pool's missing hours move nothing of another's", async () => {
    await sampled(midnight - DAY, [30, 30, 30, 30]);
    await sampled(midnight - DAY, [40], { pool: `other-${tests}` });

    await tick(midnight);

    expect(await days()).toEqual([[yesterday, 5, 70, "0.2000"]]);
  });

  test("counts sealed copies by their size at each tick, whatever hosts report or none of them is there", async () => {
    await sampled(midnight - DAY, [40]);
    await sealed(100, midnight - 30 * HOUR);
    await sealed(20, midnight - 90 * 60_000);
    await restart(midnight - 5 * HOUR);

    await tick(midnight);
    await tick(midnight + HOUR);

    // Four ticks of the day, of which the last one found both; the first hour of a new system was nobody's.
    expect(await days()).toEqual([[yesterday, 1 + 5, 40 + (4 * 100 + 20) / 5, "0.7400"]]);
  });

  test("is charged to the workspace's owner, with its own free amount, in every state of the account", async () => {
    const team = await api.request("POST", "/api/v1/workspaces", { as: ann, body: { name: "team" } });
    await sampled(midnight - DAY, [60]);
    await sampled(midnight - DAY, [70], { workspaceId: team.body.id });
    await api.db.query(
      "UPDATE customers SET overdue_status = 'suspended', overdue_since = $2 WHERE id = $1",
      [ann.customerId, new Date(midnight - DAY)],
    );

    await tick(midnight);

    expect(await days()).toEqual([
      [yesterday, 1, 60, "0.1000"],
      [yesterday, 1, 70, "0.2000"],
    ]);
    expect(await balance()).toBe("-0.3000");
  });

  test("is free up to what the setting allows", async () => {
    await setSetting(api.db, "FREE_STORAGE_GB", "59.5");
    await sampled(midnight - DAY, [60]);

    await tick(midnight);
    await setSetting(api.db, "FREE_STORAGE_GB", "50");

    expect(await days()).toEqual([[yesterday, 1, 60, "0.0050"]]);
  });

  test("is charged before the accounts are settled", async () => {
    await sampled(midnight - DAY, [60]);

    await tick(midnight);

    const { rows } = await api.db.query("SELECT overdue_status, overdue_since FROM customers WHERE id = $1", [
      ann.customerId,
    ]);
    expect(rows).toEqual([{ overdue_status: "overdue", overdue_since: new Date(midnight) }]);
  });

  test("missed midnights are charged each under its own hour, at the price of its day", async () => {
    await sampled(midnight - DAY, [60]);
    await sampled(midnight, [70]);
    await price("0.02", midnight);

    for (let pass = 0; pass < 3; pass += 1) await tick(midnight + DAY + 5 * HOUR);

    expect(await days()).toEqual([
      [yesterday, 1, 60, "0.1000"],
      [dayText(midnight), 1, 70, "0.4000"],
    ]);
    const { rows } = await api.db.query(
      "SELECT charged_at FROM storage_days WHERE customer_id = $1 ORDER BY day",
      [ann.customerId],
    );
    expect(rows).toEqual([{ charged_at: new Date(midnight) }, { charged_at: new Date(midnight + DAY) }]);
  });

  test("two leaders at once, and the next one, charge it once", async () => {
    await sampled(midnight - DAY, [60]);

    await Promise.allSettled([tick(midnight), tick(midnight), tick(midnight, { holder: "two" })]);
    await tick(midnight + HOUR, { holder: "two" });

    expect(await days()).toEqual([[yesterday, 1, 60, "0.1000"]]);
    expect(await balance()).toBe("-0.1000");
    expect(await trialBalance(api.db)).toEqual(BOOKS_AGREE);
  });

  test.each(["before", "after"] as const)(
    "a crash %s any statement is taken up again and charges once",
    async (when) => {
      const firstMs = TODAY - (when === "before" ? 500 : 700) * DAY;
      let isReached = true;
      let expected = 0;
      for (let statement = 1; isReached; statement += 1) {
        // A day for each statement; the tick before its midnight is over.
        const midnightMs = firstMs + statement * DAY;
        await restart(midnightMs - HOUR);
        await sampled(midnightMs - DAY, [60]);
        expected += 1;
        const failing = failingDatabase(fresh.url, { at: statement, when });
        const outcome = await tick(midnightMs, { on: failing }).catch((error: unknown) => error);
        isReached = failing.hasFailed();
        await failing.close();
        await tick(midnightMs);

        expect(outcome instanceof Error).toBe(isReached);
        expect(statement).toBeLessThan(100);
      }

      const charged = await days();
      expect(charged).toHaveLength(expected);
      expect(charged.map(([, , , amount]) => amount)).toEqual(charged.map(() => "0.1000"));
      expect(await balance()).toBe(`-${(expected / 10).toFixed(4)}`);
      expect(await countOf("billing_records")).toBe(expected);
      expect(await trialBalance(api.db)).toEqual(BOOKS_AGREE);
    },
  );
});

test("without a price a day is free for good, and shows that; a price within the day is enough", async () => {
  await begin(FIRST_PRICE + HOUR);
  await restart(midnight - DAY - HOUR);
  await sampled(midnight - 2 * DAY, [60]);
  await tick(midnight - DAY);
  await sampled(midnight - DAY, [60]);

  await tick(midnight);

  const { body } = await api.request("GET", "/api/v1/billing/storage", { as: ann });
  expect(body.items).toMatchObject([
    { day: yesterday, amount: "0.1000", unit_price: "0.010000", state: "charged" },
    { day: dayText(midnight - 2 * DAY), amount: "0.0000", unit_price: null, state: "unrated" },
  ]);
});
