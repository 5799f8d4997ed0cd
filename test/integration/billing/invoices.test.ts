/** Months on Postgres: closed once, whole and in order, whatever is posted, cut off or done twice meanwhile. */
import { monthAfter, monthEnd } from "@remotegpu/control-plane/server/core/billing/billing-calendar";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { closeDueMonths } from "@remotegpu/control-plane/server/controllers/billing/month-closing";
import { insertCustomer } from "@remotegpu/control-plane/server/store/accounts/customers";
import { setCreditLimit } from "@remotegpu/control-plane/server/store/spending/suspensions";
import { postTransaction } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { adjust, topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { beginClosing } from "@remotegpu/control-plane/server/store/billing/bills/closing";
import {
  invoiceLines,
  invoiceMovements,
  type InvoiceRow,
  listInvoices,
} from "@remotegpu/control-plane/server/store/billing/bills/invoices";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import {
  acquireLeadership,
  LeadershipLostError,
} from "@remotegpu/control-plane/server/store/database/leader";
import { formatPoints, parsePoints } from "@remotegpu/shared/values/money";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { insertRecords, insertRun, type RecordOptions } from "../../support/billing/bill-records.ts";
import { eventually } from "../../support/eventually.ts";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import { CHINA, openScene, openSceneRun, SceneJournal } from "../../support/billing/metering-scene.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";

let fresh: FreshDatabase;
let database: Database;
let term: number;

const emptyDatabase = databaseOfFile();
async function open(): Promise<void> {
  fresh = await emptyDatabase();
  database = fresh.database;
  term = (await acquireLeadership(database, { holder: "one", now: new Date("2026-03-01T00:00:00Z") })) ?? 0;
}

async function customer(name: string): Promise<number> {
  const options = {
    username: name,
    email: `${name}@example.com`,
    displayName: null,
    userType: "external",
  } as const;
  const made = await transaction(database, (sql) => insertCustomer(sql, options));
  return made.made ? made.customerId : 0;
}

/** The first full hour at which the month is due. */
function dueHour(month: string, calendar = CHINA): Date {
  const closesAtMs = monthEnd(month, calendar) + calendar.closeDelayHours * MS_PER_HOUR;
  return new Date(Math.ceil(closesAtMs / MS_PER_HOUR) * MS_PER_HOUR);
}

async function close(hour: Date, { on = database, calendar = CHINA, now = hour } = {}): Promise<void> {
  await closeDueMonths({ db: on, calendar }, { hour, term, now });
}

async function invoices(customerId: number | null = null): Promise<InvoiceRow[]> {
  return (await listInvoices(database, { customerId, page: { limit: 1_000, after: null } })).toReversed();
}

async function linesOf(invoice: InvoiceRow | undefined) {
  return invoiceLines(database, { invoiceId: invoice?.id ?? 0, page: { limit: 1_000, after: null } });
}

const sum = (amounts: readonly string[]) =>
  formatPoints(amounts.reduce((total, amount) => total + parsePoints(amount), 0n));

describe("a month", () => {
  beforeAll(open);
  afterAll(() => fresh.drop());

  let customers: number[];
  let run: string;
  beforeAll(async () => {
    customers = [];
    for (const name of ["a", "b", "c", "d"]) customers.push(await customer(name));
    run = "run-1";
    await insertRun(database, { id: run, customerId: customers[0] ?? 0, orderedBy: customers[1] ?? 0 });
  });

  /** Months of one database go on and on: each trial has the next one to itself. */
  let month = "2026-02";
  const nextMonth = () => (month = monthAfter(month, CHINA));

  const amount = fc.bigInt({ min: -(10n ** 8n), max: 10n ** 12n }).map((points) => formatPoints(points));
  const record = fc.record({
    customer: fc.nat(3),
    amount,
    resource_id: fc.constantFrom("env-1", "env-2"),
    resource_name: fc.constantFrom("work", "other"),
    line: fc.constantFrom("cpu", "gpu"),
    quantity: fc.constantFrom("1", "2.5"),
    billing_minutes: fc.nat(100),
    kind: fc.constantFrom("run", "storage", "old"),
    isOfMonth: fc.boolean(),
  });

  const recordOf = (drawn: typeof record extends fc.Arbitrary<infer T> ? T : never): RecordOptions => {
    const { customer: index, kind, isOfMonth, ...options } = drawn;
    return {
      ...options,
      customer_id: customers[index] ?? 0,
      usage_month: isOfMonth ? `${month}-01` : "2025-12-01",
      invoice_month: kind === "old" ? null : `${month}-01`,
      ...(kind === "run" && { run_id: run }),
      ...(kind === "storage" && { resource_type: "storage", line: "storage", billing_unit: "day" }),
      ...(kind === "old" && { resource_type: "legacy", legacy_resource_type: "gpu" }),
    };
  };

  test("is invoiced to the last ten-thousandth, once, whoever closes it how often", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 30 }), async (drawn) => {
        nextMonth();
        const records = drawn.map(recordOf);
        if (records.length > 0) await insertRecords(database, records);

        await Promise.all([close(dueHour(month)), close(dueHour(month))]);
        await close(dueHour(month));

        const made = (await invoices()).filter((one) => one.invoice_month === `${month}-01`);
        const due = records.filter((one) => one.invoice_month !== null);
        const payers = customers.filter((id) => due.some((one) => one.customer_id === id));
        expect(made.map((one) => [one.customer_id, one.invoice_no])).toEqual(
          payers.map((id, index) => [id, `RG-${month}-00000${index + 1}`]),
        );
        for (const invoice of made) {
          const own = due.filter((one) => one.customer_id === invoice.customer_id);
          const lines = await linesOf(invoice);
          expect(invoice.total_amount).toBe(sum(own.map((one) => one.amount)));
          expect(sum(lines.map((line) => line.amount))).toBe(invoice.total_amount);
          expect(lines).toEqual(linesFrom(own));
        }
      }),
      { numRuns: 40 },
    );
  });

  /** The same again by hand. */
  function linesFrom(records: readonly RecordOptions[]) {
    const groups = Map.groupBy(records, (one) =>
      JSON.stringify([
        one.resource_type ?? "environment",
        one.resource_id,
        one.resource_name,
        one.run_id === undefined,
        one.usage_month,
        one.line,
      ]),
    );
    return [...groups.keys()].toSorted().map((key, index) => {
      const group = groups.get(key) ?? [];
      const [first] = group;
      const quantities = new Set(group.map((one) => one.quantity));
      return {
        number: index + 1,
        resource_type: first?.resource_type ?? "environment",
        resource_id: first?.resource_id,
        resource_name: first?.resource_name,
        workspace_id: null,
        workspace_name: null,
        ordered_by: first?.run_id === undefined ? null : customers[1],
        line: first?.line,
        usage_month: first?.usage_month,
        minutes: group.reduce((minutes, one) => minutes + (one.billing_minutes ?? 0), 0),
        quantity: quantities.size === 1 ? [...quantities][0] : null,
        unit_price: "6.000000",
        billing_unit: first?.billing_unit ?? "hour",
        amount: sum(group.map((one) => one.amount)),
      };
    });
  }

  // Before a statement is after the one before it, but for what the caller is told of a commit.
  test("that breaks off after any statement is taken up again", async () => {
    for (let statement = 1, reached = true; reached; statement += 1) {
      nextMonth();
      const owed = customers.slice(0, 3).map((id) => ({ customer_id: id, amount: "1.5000" }));
      await insertRecords(
        database,
        owed.map((one) => ({ ...one, invoice_month: `${month}-01` })),
      );
      const failing = failingDatabase(fresh.url, { at: statement, when: "after" });

      const outcome = await close(dueHour(month), { on: failing }).catch((error: unknown) => error);
      reached = failing.hasFailed();
      await failing.close();
      await close(dueHour(month));

      const made = (await invoices()).filter((one) => one.invoice_month === `${month}-01`);
      const { rows } = await database.query(
        "SELECT invoices, amount, finished_at IS NOT NULL AS finished FROM invoice_closings WHERE month = $1",
        [`${month}-01`],
      );
      expect(outcome instanceof Error).toBe(reached);
      expect(made.map((one) => [one.customer_id, one.total_amount])).toEqual(
        owed.map((one) => [one.customer_id, "1.5000"]),
      );
      expect(rows).toEqual([{ invoices: 3, amount: "4.5000", finished: true }]);
      expect(statement).toBeLessThan(60);
    }
  });

  test("that is closed while records are posted has every one that bears it, and the next month the rest", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { minLength: 4, maxLength: 12 }), async (posters) => {
        nextMonth();
        const following = monthAfter(month, CHINA);
        const [day, nextDay] = [`${month}-01`, `${following}-01`];
        const posting = posters.map((index) =>
          insertRecords(database, [
            { customer_id: customers[index] ?? 0, amount: "1.0000", invoice_month: day },
          ]),
        );

        await Promise.all([...posting, close(dueHour(month)), close(dueHour(month))]);
        const { rows } = await database.query<{ invoice_month: string; amount: string }>(
          "SELECT invoice_month, sum(amount) AS amount FROM billing_records WHERE invoice_month IN ($1, $2) GROUP BY 1 ORDER BY 1",
          [day, nextDay],
        );
        await close(dueHour(following));

        const made = await invoices();
        const ofMonth = (wanted: string) =>
          sum(made.filter((one) => one.invoice_month === wanted).map((one) => one.total_amount));
        const posted = (wanted: string) =>
          sum(rows.filter((row) => row.invoice_month === wanted).map((row) => row.amount));
        expect(ofMonth(day)).toBe(posted(day));
        expect(ofMonth(nextDay)).toBe(posted(nextDay));
        expect(sum([ofMonth(day), ofMonth(nextDay)])).toBe(formatPoints(BigInt(posters.length) * 10_000n));
        nextMonth();
      }),
      { numRuns: 8 },
    );
  });
});

describe("an invoice", () => {
  beforeEach(open);
  afterEach(() => fresh.drop());

  const MARCH = "2026-03-01";
  const at = (time: string) => new Date(time);
  const waits = () =>
    database.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );

  async function pay(customerId: number, amount: string, moment: Date): Promise<void> {
    const payment = {
      id: `${customerId} ${moment.toISOString()}`,
      customerId,
      moment,
      reason: null,
      actor: "test",
    };
    await transaction(database, (tx) => topUp(tx, { ...payment, amount: parsePoints(amount), at: moment }));
  }

  async function charge(
    customerId: number,
    amount: string,
    moment: Date,
    sourceKind: "charge" | "storage" = "charge",
  ): Promise<void> {
    await transaction(database, (tx) =>
      postTransaction(tx, {
        sourceKind,
        sourceId: `${customerId} ${moment.toISOString()}`,
        customerId,
        amount: 0n - parsePoints(amount),
        contra: "revenue",
        at: moment,
        reason: null,
        actor: "test",
      }),
    );
    await insertRecords(database, [{ customer_id: customerId, amount, invoice_month: MARCH }]);
  }

  test("that is about to be closed waits for what is being posted, and has it", async () => {
    const payer = await customer("ann");
    const posting = Promise.withResolvers<undefined>();
    const posted = Promise.withResolvers<undefined>();
    const poster = transaction(database, async (tx) => {
      await insertRecords(tx, [{ customer_id: payer, amount: "1.0000", invoice_month: MARCH }]);
      posted.resolve(undefined);
      await posting.promise;
    });
    await posted.promise;

    const closing = close(dueHour("2026-03"));
    await eventually(async () => expect((await waits()).rowCount).toBe(1));
    posting.resolve(undefined);
    await Promise.all([poster, closing]);

    expect((await invoices()).map((one) => one.total_amount)).toEqual(["1.0000"]);
  });

  test("does not have what is posted while its closing begins: that goes on the next", async () => {
    const payer = await customer("ann");
    const begun = Promise.withResolvers<undefined>();
    const ending = Promise.withResolvers<undefined>();
    const hour = dueHour("2026-03");
    const closing = transaction(database, async (tx) => {
      await beginClosing(tx, { month: "2026-03", hour, term, now: hour });
      begun.resolve(undefined);
      await ending.promise;
    });
    await begun.promise;

    const posting = insertRecords(database, [{ customer_id: payer, amount: "1.0000", invoice_month: MARCH }]);
    await eventually(async () => expect((await waits()).rowCount).toBe(1));
    ending.resolve(undefined);
    await Promise.all([closing, posting]);
    await close(hour);
    await close(dueHour("2026-04"));

    expect((await invoices()).map((one) => one.invoice_month)).toEqual(["2026-04-01"]);
  });

  test("has nothing of a replica whose clock is behind: use of March is then a line of April's", async () => {
    const scene = await openScene(database, "ann");
    await openSceneRun(database, scene, "r1", at("2026-03-31T12:00:00Z"));
    const zero = at("2026-03-10T02:00:00Z").getTime();
    const fromMs = at("2026-03-31T12:00:00Z").getTime() - zero;
    const journal = new SceneJournal(scene);
    journal.write({ run: "r1", fromMs, toMs: fromMs + MS_PER_HOUR, final: true });
    await close(dueHour("2026-03"));

    const deps = { db: database, verify: async () => true, calendar: CHINA };
    await ingestBatch(deps, scene.hostId, journal.batch(), at("2026-04-01T15:59:59Z"));
    await close(dueHour("2026-04"));

    const [invoice, ...others] = await invoices();
    expect(others).toEqual([]);
    expect(invoice).toMatchObject({
      invoice_no: "RG-2026-04-000001",
      total_amount: "6.0000",
      status: "paid",
    });
    expect(await linesOf(invoice)).toMatchObject([
      {
        usage_month: MARCH,
        minutes: 60,
        amount: "6.0000",
        workspace_id: scene.workspaceId,
        workspace_name: expect.any(String),
        ordered_by: scene.customerId,
      },
    ]);
  });

  test("is made by the tick of the first full hour at which its month is due, also of a missed one", async () => {
    const payer = await customer("ann");
    await chargeDueHours({ db: database, calendar: CHINA }, { term, now: at("2026-04-01T14:30:00Z") });
    await insertRecords(database, [{ customer_id: payer, amount: "1.0000", invoice_month: MARCH }]);

    await chargeDueHours({ db: database, calendar: CHINA }, { term, now: at("2026-04-01T15:59:59Z") });
    const before = await invoices();
    await chargeDueHours({ db: database, calendar: CHINA }, { term, now: at("2026-04-01T19:10:00Z") });

    const { rows } = await database.query("SELECT hour FROM invoice_closings WHERE month = $1", [MARCH]);
    expect(before).toEqual([]);
    expect(rows).toEqual([{ hour: at("2026-04-01T16:00:00Z") }]);
    expect((await invoices()).map((one) => one.invoice_month)).toEqual([MARCH]);
  });

  test.each([
    { offset: 480, due: "2026-04-01T16:00:00Z", from: "2026-02-28T16:00:00Z", to: "2026-03-31T16:00:00Z" },
    { offset: -300, due: "2026-04-02T05:00:00Z", from: "2026-03-01T05:00:00Z", to: "2026-04-01T05:00:00Z" },
    { offset: 330, due: "2026-04-01T19:00:00Z", from: "2026-02-28T18:30:00Z", to: "2026-03-31T18:30:00Z" },
  ])("of a zone with the offset $offset is due at $due", async ({ offset, due, from, to }) => {
    const payer = await customer("ann");
    const calendar = { utcOffsetMinutes: offset, closeDelayHours: 24 };
    await insertRecords(database, [{ customer_id: payer, amount: "1.0000", invoice_month: MARCH }]);

    await close(new Date(at(due).getTime() - MS_PER_HOUR), { calendar });
    const before = await invoices();
    await close(at(due), { calendar });

    expect(before).toEqual([]);
    expect(await invoices()).toMatchObject([{ billing_period_start: at(from), billing_period_end: at(to) }]);
  });

  test("of each month that was missed is made in order; months without records and old records have none", async () => {
    const payer = await customer("ann");
    await insertRecords(database, [
      {
        customer_id: payer,
        amount: "9.0000",
        invoice_month: null,
        resource_type: "legacy",
        legacy_resource_type: "gpu",
      },
      { customer_id: payer, amount: "1.0000", invoice_month: "2026-05-01" },
      { customer_id: payer, amount: "2.0000", invoice_month: MARCH },
      { customer_id: payer, amount: "3.0000", invoice_month: "2026-06-01" },
    ]);

    await close(dueHour("2026-05"));

    const { rows } = await database.query("SELECT month, invoices FROM invoice_closings ORDER BY month");
    expect((await invoices()).map((one) => one.invoice_no)).toEqual([
      "RG-2026-03-000001",
      "RG-2026-05-000001",
    ]);
    expect(rows).toEqual([
      { month: MARCH, invoices: 1 },
      { month: "2026-04-01", invoices: 0 },
      { month: "2026-05-01", invoices: 1 },
    ]);
  });

  test("is not made by a leader whose term is over", async () => {
    await insertRecords(database, [
      { customer_id: await customer("ann"), amount: "1.0000", invoice_month: MARCH },
    ]);
    await acquireLeadership(database, { holder: "two", now: dueHour("2026-03") });

    await expect(close(dueHour("2026-03"))).rejects.toThrow(LeadershipLostError);

    expect(await invoices()).toEqual([]);
  });

  test("shows how the account came from the month's beginning to its end, beside the lines", async () => {
    const ann = await customer("ann");
    await pay(ann, "100", at("2026-02-10T00:00:00Z"));
    await pay(ann, "20", at("2026-03-05T00:00:00Z"));
    await charge(ann, "6.0000", at("2026-03-06T00:00:00Z"));
    await charge(ann, "0.5000", at("2026-03-06T16:00:00Z"), "storage");
    const reason = { id: "slow", customerId: ann, reason: "it was slow", actor: "admin 1" };
    await transaction(database, (tx) =>
      adjust(tx, { ...reason, amount: parsePoints("-0.2500"), at: at("2026-03-07T00:00:00Z") }),
    );
    // Of March, but taken in April, and a payment of April before March is closed.
    await charge(ann, "1.0000", at("2026-03-31T16:00:00Z"));
    await pay(ann, "50", at("2026-04-01T00:00:00Z"));

    await close(dueHour("2026-03"));
    await insertRecords(database, [{ customer_id: ann, amount: "1.0000", invoice_month: "2026-04-01" }]);
    await close(dueHour("2026-04"));

    const [march, april] = await invoices();
    expect(march).toMatchObject({
      total_amount: "7.5000",
      opening_balance: "100.0000",
      topups: "20.0000",
      refunds: "0.0000",
      adjustments: "-0.2500",
      charges: "6.5000",
      closing_balance: "113.2500",
    });
    expect(april).toMatchObject({
      opening_balance: "113.2500",
      charges: "1.0000",
      closing_balance: "162.2500",
    });
    const movements = await invoiceMovements(database, { invoiceId: march?.id ?? 0, limit: 10 });
    expect(movements).toMatchObject([
      { kind: "topup", amount: "20.0000", reason: null },
      { kind: "adjustment", amount: "-0.2500", reason: "it was slow" },
    ]);
  });

  test("is paid when the balance covered it; else overdue, or pending within a credit limit, until money comes", async () => {
    const [paid, overdue, credited, refunded] = [
      await customer("paid"),
      await customer("overdue"),
      await customer("credited"),
      await customer("refunded"),
    ];
    const moment = at("2026-03-20T00:00:00Z");
    await pay(paid, "5", moment);
    await transaction(database, (tx) =>
      setCreditLimit(tx, { customerId: credited, creditLimit: "10", at: moment }),
    );
    for (const payer of [paid, overdue, credited]) await charge(payer, "4.0000", at("2026-03-21T00:00:00Z"));
    await charge(overdue, "1.0000", at("2026-03-22T00:00:00Z"));
    await charge(refunded, "-3.0000", at("2026-03-21T00:00:00Z"));
    const issued = dueHour("2026-03");
    const statuses = async () => (await invoices()).map((one) => [one.status, one.due, one.paid_at]);

    await close(issued);
    const atFirst = await statuses();
    for (const payer of [overdue, credited]) await pay(payer, "3.9999", new Date(issued.getTime() + 1));
    await close(new Date(issued.getTime() + MS_PER_HOUR));
    const stillDue = await statuses();
    for (const payer of [overdue, credited]) await pay(payer, "1.0002", new Date(issued.getTime() + 2));
    const later = new Date(issued.getTime() + 2 * MS_PER_HOUR);
    await close(later);

    expect(atFirst).toEqual([
      ["paid", "0.0000", issued],
      ["overdue", "5.0000", null],
      ["pending", "4.0000", null],
      ["paid", "0.0000", issued],
    ]);
    expect(stillDue).toEqual(atFirst);
    expect(await statuses()).toEqual([
      ["paid", "0.0000", issued],
      ["paid", "5.0000", later],
      ["paid", "4.0000", later],
      ["paid", "0.0000", issued],
    ]);
  });

  test("cannot be changed but for its payment, nor taken back; one of the old system can", async () => {
    const ann = await customer("ann");
    await charge(ann, "4.0000", at("2026-03-21T00:00:00Z"));
    await pay(ann, "1", at("2026-03-20T00:00:00Z"));
    await close(dueHour("2026-03"));
    const { rows } = await database.query<{ id: number }>(
      `INSERT INTO invoices (invoice_no, customer_id, billing_period_start, billing_period_end, total_amount)
       VALUES ('old', $1, now(), now(), 1) RETURNING id`,
      [ann],
    );
    const refused = async (sql: string) =>
      (await database.query(sql).then(
        () => "done",
        (error: Error) => error.message,
      )) !== "done";

    const changes = [
      "UPDATE invoices SET total_amount = 1 WHERE invoice_no LIKE 'RG%'",
      "UPDATE invoices SET closing_balance = closing_balance + 1, opening_balance = opening_balance + 1 WHERE invoice_no LIKE 'RG%'",
      "DELETE FROM invoices WHERE invoice_no LIKE 'RG%'",
      "UPDATE invoice_lines SET amount = 1",
      "DELETE FROM invoice_lines",
      "DELETE FROM invoice_movements",
      "TRUNCATE invoice_lines",
    ];
    const outcomes: boolean[] = [];
    for (const sql of changes) outcomes.push(await refused(sql));
    const isPayable = !(await refused(
      "UPDATE invoices SET status = 'paid', paid_at = now() WHERE status = 'overdue'",
    ));

    expect(outcomes).toEqual(changes.map(() => true));
    expect(isPayable).toBe(true);
    expect(await refused("UPDATE invoices SET status = 'pending' WHERE invoice_no LIKE 'RG%'")).toBe(true);
    expect(await refused(`UPDATE invoices SET total_amount = 2 WHERE id = ${rows[0]?.id}`)).toBe(false);
  });
});
