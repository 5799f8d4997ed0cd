/**
 * Money as strangers send it: whatever is no amount is refused by its field and posts nothing, not even in part; what is
 * paid, given back or forgiven happens once; and what is estimated is what is charged.
 */
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { parsePoints } from "@remotegpu/shared/values/money";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type ApiWorld, type Caller, openApi, problem } from "../../support/http/api.ts";
import {
  at,
  CHINA,
  openScene,
  openSceneRun,
  type Scene,
  SceneJournal,
} from "../../support/billing/metering-scene.ts";

const MINUTE = 60_000;

let api: ApiWorld;
let carol: Caller;
let scene: Scene;
let journal: SceneJournal;
beforeAll(async () => {
  api = await openApi();
  carol = await api.customer("carol");
  scene = await openScene(api.db, "payer", "0");
  journal = new SceneJournal(scene);
});
afterAll(async () => await api.close());

const request = async (method: string, path: string, body: unknown, key?: string): Promise<Answer> =>
  await api.request(method, `/api/v1${path}`, {
    as: api.admin,
    body,
    ...(key !== undefined && { headers: { "Idempotency-Key": key } }),
  });
const pathsOf = (answer: Answer): string[] => answer.body.errors.map(({ path }: { path: string }) => path);

/** Everything that a payment or a price writes. */
async function books(): Promise<unknown> {
  const { rows } = await api.db.query(
    `SELECT (SELECT count(*) FROM ledger_transactions) AS transactions, (SELECT count(*) FROM ledger_entries) AS entries,
            (SELECT json_agg(balance ORDER BY id) FROM customers) AS balances,
            (SELECT json_agg(credit_limit ORDER BY id) FROM customers) AS limits,
            (SELECT count(*) FROM prices) AS prices, (SELECT count(*) FROM specs) AS specs,
            (SELECT count(*) FROM environments) AS environments`,
  );
  return rows;
}

/** A run of these minutes, ended and charged: by default at 0.1 a minute. */
async function chargedRun(
  id: string,
  minutes: number,
  lines?: { spec: string; quantities: Record<string, string> },
): Promise<void> {
  await openSceneRun(api.db, scene, id);
  if (lines !== undefined) {
    await api.db.query("UPDATE runs SET spec = $2 WHERE id = $1", [id, lines.spec]);
    await api.db.query("DELETE FROM run_lines WHERE run_id = $1", [id]);
    for (const [line, quantity] of Object.entries(lines.quantities))
      await api.db.query("INSERT INTO run_lines (run_id, line, quantity) VALUES ($1, $2, $3)", [
        id,
        line,
        quantity,
      ]);
  }
  const seq = journal.write({ run: id, fromMs: 0, toMs: minutes * MINUTE, final: true });
  const deps = { db: api.deps.db, verify: async () => true, calendar: CHINA };
  await ingestBatch(deps, scene.hostId, journal.batch(seq, seq), at((minutes + 1) * MINUTE));
}

async function balance(customerId: number): Promise<string> {
  return (await request("GET", `/customers/${customerId}`, undefined)).body.balance;
}

describe("what is no amount", () => {
  /** Where an amount stands: the route, the body around it, and the field that has to be named. */
  interface Place {
    method: string;
    path: () => string;
    body: (amount: unknown) => object;
    field: string;
  }
  const PLACES: Record<string, Place> = {
    "a top-up": {
      method: "POST",
      path: () => `/customers/${carol.customerId}/top-ups`,
      body: (amount) => ({ amount }),
      field: "amount",
    },
    "an adjustment": {
      method: "POST",
      path: () => `/customers/${carol.customerId}/adjustments`,
      body: (amount) => ({ amount, reason: "r" }),
      field: "amount",
    },
    "a refund": {
      method: "POST",
      path: () => `/customers/${carol.customerId}/refunds`,
      body: (amount) => ({ amount, run_id: "run-1" }),
      field: "amount",
    },
    "a write-off": {
      method: "POST",
      path: () => `/customers/${carol.customerId}/write-offs`,
      body: (amount) => ({ amount, reason: "r" }),
      field: "amount",
    },
    "a credit limit": {
      method: "PATCH",
      path: () => `/customers/${carol.customerId}`,
      body: (credit_limit) => ({ credit_limit }),
      field: "credit_limit",
    },
    "a price": {
      method: "POST",
      path: () => "/prices",
      body: (unit_price) => ({ spec: "s", line: "cpu", unit_price, billing_unit: "hour", new_spec: true }),
      field: "unit_price",
    },
    "a price in a preview": {
      method: "POST",
      path: () => "/prices/preview",
      body: (unit_price) => ({ prices: [{ spec: "s", line: "cpu", unit_price, billing_unit: "hour" }] }),
      field: "prices.0.unit_price",
    },
    "a maximum price": {
      method: "POST",
      path: () => "/environments",
      body: (max_price_per_hour) => ({
        name: "e",
        image: "i",
        cpu: 1,
        memory: 2 ** 30,
        config: { max_price_per_hour },
      }),
      field: "config.max_price_per_hour",
    },
  };
  /** Not among those above, since null is one. */
  const BUDGET: Place = {
    method: "PUT",
    path: () => `/billing/budget?customer_id=${carol.customerId}`,
    body: (monthly_limit) => ({ monthly_limit }),
    field: "monthly_limit",
  };
  const NO_AMOUNTS: unknown[] = [
    "NaN",
    "1e3",
    "9".repeat(30),
    `1${"0".repeat(17)}`,
    "1.1234567",
    " 1",
    "",
    "1\u0000",
    1,
  ];

  async function refusalsOf(place: Place, amounts: readonly unknown[]): Promise<object[]> {
    const refusals: object[] = [];
    for (const amount of amounts) {
      const answer = await request(place.method, place.path(), place.body(amount));
      refusals.push({ amount, status: answer.status, paths: answer.status === 422 ? pathsOf(answer) : [] });
    }
    return refusals;
  }

  test.each(Object.entries(PLACES))(
    "%s is named by its field, and nothing is written",
    async (_what, place) => {
      const before = await books();

      expect(await refusalsOf(place, NO_AMOUNTS)).toEqual(
        NO_AMOUNTS.map((amount) => ({ amount, status: 422, paths: [place.field] })),
      );
      for (const number of ["NaN", "Infinity", "01", "1e"]) {
        const text = JSON.stringify(place.body("HERE")).replace('"HERE"', number);
        expect(await request(place.method, place.path(), text)).toMatchObject(problem(400));
      }
      // What JSON reads as infinite is a number all the same.
      const huge = JSON.stringify(place.body("HERE")).replace('"HERE"', "1e999");
      expect(pathsOf(await request(place.method, place.path(), huge))).toEqual([place.field]);
      expect(await books()).toEqual(before);
    },
  );

  test.each([
    ["a top-up", "9999999999999999.9999"],
    ["an adjustment", "9999999999999999.9999"],
    ["a refund", "9999999999999999.9999"],
    ["a write-off", "9999999999999999.9999"],
    ["a credit limit", "9999999999999999.9999"],
    ["a budget", "9999999999999999.9999"],
    ["a price", "999999999999.999999"],
    ["a price in a preview", "999999999999.999999"],
    ["a maximum price", "9999999999999999.9999"],
  ])("%s that is too large or too long is answered with the limit, %s", async (what, most) => {
    const place = { ...PLACES, "a budget": BUDGET }[what];
    if (place === undefined) throw new Error(what);
    const [whole = ""] = most.split(".");
    const refused = async (amount: string) =>
      (await request(place.method, place.path(), place.body(amount))).body.errors[0].message;

    expect(await refused(`1${"0".repeat(whole.length)}`)).toBe(`is too large: at most ${most}`);
    expect(await refused("9".repeat(30))).toBe(`is too large: at most ${most}`);
    expect(await refused("9".repeat(31))).toBe(`is too long: at most ${most}, in at most 30 characters`);
  });

  test.each([
    ["a top-up", ["-1", "0", "0.0000", "-0", "1.12345"]],
    ["an adjustment", ["0", "-0.0000", "1.12345"]],
    ["a refund", ["-1", "0", "1.12345"]],
    ["a write-off", ["-1", "0", "1.12345"]],
    ["a credit limit", ["-1", "1.12345"]],
    ["a price", ["-1", "-0.000001", `1${"0".repeat(12)}`]],
    ["a maximum price", ["-1", "1.12345"]],
  ])("%s takes none of %j", async (what, amounts) => {
    const place = PLACES[what];
    if (place === undefined) throw new Error(what);
    const before = await books();

    expect(await refusalsOf(place, amounts)).toEqual(
      amounts.map((amount) => ({ amount, status: 422, paths: [place.field] })),
    );
    expect(await books()).toEqual(before);
  });
});

test("the largest amount is taken, and what would go beyond the column is not", async () => {
  const rich = await api.customer("rich");
  const path = `/customers/${rich.customerId}`;
  const most = "9999999999999999.9999";

  expect((await request("POST", `${path}/top-ups`, { amount: most })).body.balance).toBe(most);
  const before = await books();
  for (const [route, amount] of [
    ["top-ups", "0.0001"],
    ["top-ups", most],
    ["adjustments", "0.0001"],
  ] as const) {
    const answer = await request("POST", `${path}/${route}`, { amount, reason: "r" });
    expect(answer).toMatchObject(problem(422));
    expect(pathsOf(answer)).toEqual(["amount"]);
    expect(answer.body.detail).toContain(`is too large: it would carry the balance beyond ${most}`);
  }
  expect(await books()).toEqual(before);
  await request("POST", `${path}/adjustments`, { amount: `-${most}`, reason: "r" });
  await request("POST", `${path}/adjustments`, { amount: `-${most}`, reason: "r" });
  expect((await request("POST", `${path}/adjustments`, { amount: "-0.0001", reason: "r" })).status).toBe(422);
  expect(await balance(rich.customerId)).toBe(`-${most}`);
  expect(await trialBalance(api.db)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
});

describe("a refund", () => {
  const path = () => `/customers/${scene.customerId}/refunds`;

  test("of the same key is given once, however often it is requested, and never with another amount", async () => {
    await chargedRun("refunded-once", 60);
    const before = await balance(scene.customerId);
    const options = { run_id: "refunded-once", amount: "2.5" };

    const answers = await Promise.all([1, 2, 3].map(() => request("POST", path(), options, "k-1")));
    const again = await request("POST", path(), options, "k-1");
    const other = await request("POST", path(), { ...options, amount: "2.6" }, "k-1");

    const given = answers.filter(({ status }) => status === 201);
    expect(given.length).toBeGreaterThan(0);
    expect(new Set(given.map(({ body }) => body.transaction_id)).size).toBe(1);
    expect(answers.filter(({ status }) => status !== 201).map(({ status }) => status)).toEqual(
      Array.from({ length: 3 - given.length }, () => 409),
    );
    expect(again).toMatchObject({ status: 201, body: { amount: "2.5000" } });
    expect(other).toMatchObject(problem(422));
    expect(parsePoints(await balance(scene.customerId)) - parsePoints(before)).toBe(parsePoints("2.5"));
  });

  test("under other keys goes up to what the run was charged and not a point further", async () => {
    await chargedRun("refunded-in-parts", 60);
    const part = async (amount: string, key: string) =>
      await request("POST", path(), { run_id: "refunded-in-parts", amount }, key);

    expect((await part("4", "p-1")).status).toBe(201);
    expect(pathsOf(await part("2.0001", "p-2"))).toEqual(["amount"]);
    expect((await part("2", "p-3")).status).toBe(201);
    expect(pathsOf(await part("0.0001", "p-4"))).toEqual(["amount"]);
    // It is known, though nothing is left of the charge.
    expect(await part("4", "p-1")).toMatchObject({ status: 201, body: { amount: "4.0000" } });
  });
});

describe("a write-off", () => {
  const writeOff = async (customerId: number, amount: string, key?: string) =>
    await request("POST", `/customers/${customerId}/write-offs`, { amount, reason: "bankrupt" }, key);
  const inDebt = async (name: string, debt: string) => {
    const { customerId } = await api.customer(name);
    await request("POST", `/customers/${customerId}/adjustments`, {
      amount: `-${debt}`,
      reason: "late usage",
    });
    return customerId;
  };

  test("forgives debt up to zero and not beyond, with its reason in the ledger and the audit log", async () => {
    const id = await inDebt("debtor", "10");

    expect(await writeOff(id, "10.0001")).toMatchObject(problem(422));
    const first = await writeOff(id, "4");
    const rest = await writeOff(id, "6", "w-1");
    const nothingLeft = await writeOff(id, "0.0001");

    expect(first).toMatchObject({
      status: 201,
      body: { amount: "4.0000", balance: "-6.0000", overdue_status: "overdue" },
    });
    // Zero is not above zero: forgiven is not paid.
    expect(rest).toMatchObject({ status: 201, body: { balance: "0.0000", overdue_status: "overdue" } });
    expect(pathsOf(nothingLeft)).toEqual(["amount"]);
    expect(await writeOff(id, "6", "w-1")).toMatchObject({ status: 201, body: rest.body });
    const { rows } = await api.db.query(
      `SELECT t.source_kind, t.reason, t.actor, e.account, e.amount FROM ledger_transactions t
         JOIN ledger_entries e ON e.transaction_id = t.id WHERE t.id = $1 ORDER BY e.account`,
      [first.body.transaction_id],
    );
    const written = { source_kind: "writeoff", reason: "bankrupt", actor: `admin ${api.admin.customerId}` };
    expect(rows).toEqual([
      { ...written, account: "customer", amount: "4.0000" },
      { ...written, account: "writeoff", amount: "-4.0000" },
    ]);
    const audit = await request("GET", "/audit-log?limit=50", undefined);
    expect(audit.body.items).toContainEqual(
      expect.objectContaining({ method: "POST", subject: `customers/${id}/write-offs`, status: 201 }),
    );
    expect(await trialBalance(api.db)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
  });

  test("makes an account normal only where balance and credit limit together come above zero", async () => {
    const id = await inDebt("limited", "10");
    await request("PATCH", `/customers/${id}`, { credit_limit: "5" });

    const toTheLimit = await writeOff(id, "5");
    const within = await writeOff(id, "1");

    expect(toTheLimit.body).toMatchObject({ balance: "-5.0000", overdue_status: "overdue" });
    expect(within.body).toMatchObject({ balance: "-4.0000", overdue_status: "normal" });
  });

  test("of whoever owes nothing, or without a reason, or of nobody is refused", async () => {
    expect(pathsOf(await writeOff(carol.customerId, "1"))).toEqual(["amount"]);
    const noReason = await request("POST", `/customers/${carol.customerId}/write-offs`, { amount: "1" });
    expect(pathsOf(noReason)).toEqual(["reason"]);
    expect((await writeOff(999_999, "1")).status).toBe(404);
  });

  test("several at once never forgive more than was owed", async () => {
    const id = await inDebt("rushed", "10");

    const answers = await Promise.all(["3", "3", "3", "3"].map((amount) => writeOff(id, amount)));

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 422)).toHaveLength(1);
    expect(await balance(id)).toBe("-1.0000");
  });
});

test("what is estimated for some minutes is what a run of exactly those minutes is charged", async () => {
  for (const [line, unit_price] of [
    ["cpu", "0.333333"],
    ["memory", "0.012345"],
    ["temp_storage", "0.000777"],
  ])
    await api.db.query(
      "INSERT INTO prices (spec, line, unit_price, billing_unit, effective_from) VALUES ('odd', $1, $2, 'hour', $3)",
      [line, unit_price, at(-MINUTE)],
    );
  const order = { spec: "odd", cpu: 3, memory: 5_368_709_121, temp_storage: 123_456_789 };
  const quantities = {
    cpu: "3",
    memory: "5.000000000931322574615478515625",
    temp_storage: "0.114978097379207611083984375",
  };

  for (const minutes of [1, 7, 59, 61, 1441]) {
    const estimate = await request("POST", "/billing/estimate", { ...order, minutes });
    await chargedRun(`odd-${minutes}`, minutes, { spec: "odd", quantities });

    const records = await request("GET", `/billing/records?run_id=odd-${minutes}`, undefined);
    const { rows } = await api.db.query("SELECT posted_amount FROM runs WHERE id = $1", [`odd-${minutes}`]);
    expect(rows).toEqual([{ posted_amount: estimate.body.amount }]);
    const lineOf = ({ line, amount }: { line: string; amount: string }) => `${line} ${amount}`;
    expect(records.body.items.map(lineOf).sort()).toEqual(estimate.body.lines.map(lineOf).sort());
  }
});
