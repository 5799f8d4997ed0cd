/** Budget, thresholds and alerts as people ask for them over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApi, problem, type Answer, type ApiWorld, type Caller } from "../support/api.ts";

let api: ApiWorld;
let ann: Caller;
beforeAll(async () => {
  api = await openApi();
  ann = await api.customer("ann");
});
afterAll(async () => await api.close());

async function ask(method: string, path: string, as: Caller, body?: object): Promise<Answer> {
  return await api.ask(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
}

describe("a budget", () => {
  test("begins as none, is set, shown with the balance, and taken away", async () => {
    const none = (await ask("GET", "/billing/budget", ann)).body;
    const set = (await ask("PUT", "/billing/budget", ann, { monthly_limit: "200", percents: ["90"] })).body;
    const balance = (await ask("GET", "/billing/balance", ann)).body;
    const gone = (await ask("PUT", "/billing/budget", ann, { monthly_limit: null, percents: null })).body;

    const percents = ["50.0000", "80.0000", "100.0000"];
    expect(none).toMatchObject({ monthly_limit: null, percents, spent: "0.0000", left: null });
    expect(set).toMatchObject({ monthly_limit: "200.0000", percents: ["90.0000"], left: "200.0000" });
    expect(set.month).toMatch(/^\d{4}-\d{2}$/);
    expect(balance).toMatchObject({
      monthly_limit: "200.0000",
      spent_this_month: "0.0000",
      month: set.month,
    });
    expect(gone).toMatchObject({ monthly_limit: null, percents });
  });

  test.each([
    [{}, "monthly_limit"],
    [{ monthly_limit: "0" }, "monthly_limit"],
    [{ monthly_limit: "-1" }, "monthly_limit"],
    [{ monthly_limit: 100 }, "monthly_limit"],
    [{ monthly_limit: "1e3" }, "monthly_limit"],
    [{ monthly_limit: "1", percents: ["50", "50.0"] }, "percents"],
    [{ monthly_limit: "1", percents: ["1", "2", "3", "4", "5", "6"] }, "percents"],
    [{ monthly_limit: "1", percents: ["0"] }, "percents.0"],
  ])("%j is refused by its field", async (body, path) => {
    const answer = await ask("PUT", "/billing/budget", ann, body);

    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });

  test("of a customer that does not exist is not found", async () => {
    const path = "/billing/budget?customer_id=999999";

    expect(await ask("PUT", path, api.admin, { monthly_limit: "1" })).toMatchObject(problem(404));
  });

  test("an administrator's look at it is in the audit log", async () => {
    await ask("PUT", `/billing/budget?customer_id=${ann.customerId}`, api.admin, { monthly_limit: null });

    const [entry] = (await ask("GET", "/audit-log?limit=1", api.admin)).body.items;
    expect(entry).toMatchObject({ method: "PUT", subject: `budget of customer ${ann.customerId}` });
  });
});

test("thresholds change one by one, and null takes the default", async () => {
  const path = "/billing/alert-thresholds";

  await ask("PUT", path, ann, { balances: ["12.5"] });
  const both = (await ask("PUT", path, ann, { hours_left: [] })).body;
  const back = (await ask("PUT", path, ann, { balances: null, hours_left: null })).body;

  expect(both).toEqual({ balances: ["12.5000"], hours_left: [] });
  expect(back).toEqual({ balances: ["50.0000", "10.0000"], hours_left: ["24.0000", "4.0000"] });
});

test("alerts are shown newest first, those that hold apart, by kind", async () => {
  const top = (amount: string) => ask("POST", `/customers/${ann.customerId}/top-ups`, api.admin, { amount });
  const take = (amount: string) =>
    ask("POST", `/customers/${ann.customerId}/adjustments`, api.admin, { amount, reason: "r" });
  await top("60");
  await take("-55");
  await top("30");
  await take("-60");

  const list = async (query = "") => (await ask("GET", `/billing/alerts${query}`, ann)).body.items;

  const names = (items: { kind: string; threshold: string | null }[]) =>
    items.map(({ kind, threshold }) => `${kind} ${threshold ?? "-"}`);
  expect(names(await list())).toEqual([
    "overdue -",
    "low-balance 10.0000",
    "low-balance 10.0000",
    "low-balance 50.0000",
  ]);
  expect(names(await list("?open=true&kind=low-balance"))).toEqual([
    "low-balance 10.0000",
    "low-balance 50.0000",
  ]);
  expect((await list())[0]).toMatchObject({ value: "overdue", recovered_at: null });
  const page = (await ask("GET", "/billing/alerts?limit=3", ann)).body;
  const rest = (await ask("GET", `/billing/alerts?limit=3&cursor=${page.next_cursor}`, ann)).body;
  expect([page.items.length, rest.items.length, rest.next_cursor]).toEqual([3, 1, null]);
});
