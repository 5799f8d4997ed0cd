/** The catalogue over HTTP: from which moment a price may hold, what a change would mean, and examples to begin with. */
import { HostId } from "@remotegpu/shared/values/ids";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type ApiWorld, type Caller, openApi, problem } from "../../support/http/api.ts";
import { openSceneRun } from "../../support/billing/metering-scene.ts";

const HOST = HostId.parse("host-one");

let api: ApiWorld;
let ann: Caller & { workspaceId: number };
let bob: Caller & { workspaceId: number };
beforeAll(async () => {
  api = await openApi();
  ann = await api.customer("ann");
  bob = await api.customer("bob");
  await api.db.query("INSERT INTO hosts (id, name, ip_address) VALUES ($1, $1, '10.0.0.1')", [HOST]);
});
afterAll(async () => await api.close());

const post = async (path: string, body?: object, as = api.admin): Promise<Answer> =>
  await api.request("POST", `/api/v1${path}`, { as, ...(body && { body }) });
const entry = (spec: string, line: string, unit_price: string, more: object = {}) => ({
  spec,
  line,
  unit_price,
  billing_unit: "hour",
  new_spec: true,
  ...more,
});
const from = (minutes: number) => ({
  effective_from: new Date(api.deps.now().getTime() + minutes * 60_000).toISOString(),
});
/** A price that was given so many minutes ago, from then on. */
async function givenBefore(spec: string, line: string, unitPrice: string, minutes: number): Promise<void> {
  const then = new Date(api.deps.now().getTime() - minutes * 60_000);
  const price = { spec, line, unitPrice, billingUnit: "hour", effectiveFrom: then, createdBy: null } as const;
  await transaction(api.db, (tx) => addPrice(tx, price, then));
}
/** Where prices from past moments are refused. */
const REFUSED_AS_PAST = {
  ...problem(422),
  body: { errors: [{ path: "effective_from", message: expect.stringContaining("lies in the past") }] },
};

let runs = 0;
/** A run that began so many minutes ago, with its lines at these prices; null for one that found none, or has not begun. */
async function run(
  payer: { customerId: number; workspaceId: number },
  spec: string,
  {
    minutesAgo = 10,
    model = null,
    lines,
  }: { minutesAgo?: number | null; model?: string | null; lines: Record<string, string | null> },
): Promise<void> {
  const id = `run-${(runs += 1)}`;
  await openSceneRun(api.db, { ...payer, hostId: HOST, bootId: "" }, id, api.deps.now());
  const begunAt = minutesAgo === null ? null : new Date(api.deps.now().getTime() - minutesAgo * 60_000);
  await api.db.query(
    "UPDATE runs SET spec = $2, gpu_model = $3, first_proven_at = $4, last_proven_at = $4 WHERE id = $1",
    [id, spec, model, begunAt],
  );
  if (begunAt === null)
    await api.db.query("UPDATE placements SET state = 'starting' WHERE run_id = $1", [id]);
  await api.db.query("DELETE FROM run_lines WHERE run_id = $1", [id]);
  for (const [line, price] of Object.entries(lines))
    await api.db.query(
      "INSERT INTO run_lines (run_id, line, quantity, unit_price, billing_unit) VALUES ($1, $2, 2, $3, $4)",
      [id, line, price, price === null ? null : "hour"],
    );
}

describe("a price for a spec as a whole", () => {
  const hint = async (line: string) => (await post("/prices", entry("whole", line, "7"))).body.hint;

  test("states what is left to do while the spec has no shape, and so does an order's refusal", async () => {
    expect(await hint("cpu")).toBeNull();
    expect(await hint("spec")).toBe(
      "Orders under whole are refused until PUT /specs/whole says what it includes (shape).",
    );
    const order = { spec: "whole", cpu: 1, memory: 2 ** 30, minutes: 60 };
    expect(await post("/billing/estimate", order, ann)).toMatchObject({
      status: 422,
      body: {
        detail: expect.stringContaining("has no shape yet: an administrator has to set what it includes"),
      },
    });

    await api.request("PUT", "/api/v1/specs/whole", {
      as: api.admin,
      body: { shape: { cpu: 1, memory: 2 ** 30 } },
    });

    expect((await post("/prices", entry("whole", "spec", "8"))).body.hint).toBeNull();
  });
});

describe("from a moment that is past", () => {
  test("a line gets a price where a run of then waits uncharged for it, and no other does", async () => {
    await run(ann, "late", { minutesAgo: 10, lines: { cpu: null, memory: "1" } });

    // It began before, after, and with another line.
    expect(await post("/prices", entry("late", "cpu", "1", from(-9)))).toMatchObject(REFUSED_AS_PAST);
    expect(await post("/prices", entry("late", "temp_storage", "1", from(-60)))).toMatchObject(
      REFUSED_AS_PAST,
    );
    expect(await post("/prices", entry("later", "cpu", "1", from(-60)))).toMatchObject(REFUSED_AS_PAST);
    expect((await post("/prices", entry("late", "cpu", "1", from(-60)))).status).toBe(201);
    // Now it has one.
    expect(await post("/prices", entry("late", "cpu", "2", from(-30)))).toMatchObject(REFUSED_AS_PAST);
  });

  test("a card that has no price waits for its model's or the general one, not for another model's", async () => {
    await run(ann, "cards", { minutesAgo: 10, model: "H100", lines: { gpu: null } });

    expect(await post("/prices", entry("cards", "gpu:A10", "1", from(-60)))).toMatchObject(REFUSED_AS_PAST);
    const preview = await post("/prices/preview", { prices: [entry("cards", "gpu", "1", from(-60))] });
    expect(preview.body.prices).toMatchObject([{ refusal: null }]);
    expect((await post("/prices", entry("cards", "gpu:H100", "2", from(-60)))).status).toBe(201);
    expect(await post("/prices", entry("cards", "gpu", "1", from(-60)))).toMatchObject(REFUSED_AS_PAST);
  });

  test("a run that began later, with its price, hinders no price for one that waits from before it", async () => {
    await run(ann, "both", { minutesAgo: 50, lines: { cpu: null } });
    await givenBefore("both", "cpu", "3", 40);
    await run(bob, "both", { minutesAgo: 30, lines: { cpu: "3" } });

    expect((await post("/prices", entry("both", "cpu", "1", from(-60)))).status).toBe(201);
  });

  test("one that a run has already is not moved under it, not even by the price of a model", async () => {
    await givenBefore("begun", "gpu", "1", 60);
    await run(ann, "begun", { minutesAgo: 0, model: "H100", lines: { gpu: "1" } });

    const answer = await post("/prices", entry("begun", "gpu:H100", "2", from(-0.5)));

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors).toMatchObject([
      { path: "effective_from", message: expect.stringContaining("before the start of a run") },
    ]);
  });

  test.each([
    "0000-01-01T00:00:00Z",
    "1999-12-31T23:59:59.999Z",
    "2000-01-01T00:00:00+00:01",
    "2101-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
  ])("the year of %s is none for a price, whatever waits for it", async (effective_from) => {
    await run(ann, "years", { minutesAgo: 10, lines: { cpu: null } });

    const answer = await post("/prices", entry("years", "cpu", "1", { effective_from }));

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors).toMatchObject([
      { path: "effective_from", message: "must lie in the years 2000 to 2100" },
    ]);
  });
});

describe("a preview", () => {
  beforeAll(async () => {
    for (const [line, unit_price] of [
      ["cpu", "1"],
      ["gpu", "5"],
    ] as const)
      await givenBefore("sold", line, unit_price, 100);
    await post("/prices", entry("sold", "gpu", "6"));
    await post("/prices", entry("sold", "gpu", "9", { effective_from: "2037-01-01T00:00:00Z" }));
    api.passMinutes(5);
    // At the price of before.
    await run(ann, "sold", { minutesAgo: 50, model: "H100", lines: { cpu: "1", gpu: "5" } });
    await run(ann, "sold", { minutesAgo: 50, lines: { cpu: "1" } });
    await run(bob, "sold", { minutesAgo: 1, model: "A10", lines: { gpu: "6" } });
    await run(bob, "sold", { minutesAgo: null, lines: { cpu: null } });
    await run(bob, "unsold", { lines: { cpu: "1" } });
  });

  test("lists what keeps its price, an hour of it now and anew, whom it changes, and the entries around", async () => {
    const before = await api.db.query("SELECT count(*) FROM prices");

    const answer = await post("/prices/preview", {
      prices: [entry("sold", "gpu", "8", { effective_from: "2036-06-01T00:00:00Z" })],
    });

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      prices: [
        {
          spec: "sold",
          line: "gpu",
          unit_price: "8",
          billing_unit: "hour",
          effective_from: "2036-06-01T00:00:00.000Z",
          refusal: null,
          supersedes: { unit_price: "6.000000", billing_unit: "hour", effective_from: expect.any(String) },
          superseded_by: [
            { unit_price: "9.000000", billing_unit: "hour", effective_from: "2037-01-01T00:00:00.000Z" },
          ],
        },
      ],
      runs: [
        {
          spec: "sold",
          resource_type: "environment",
          keeping: 3,
          not_begun: 1,
          per_hour_now: "26.0000",
          per_hour_anew: "36.0000",
        },
      ],
      customers: [
        { customer_id: ann.customerId, username: "ann", per_hour_now: "14.0000", per_hour_anew: "20.0000" },
        { customer_id: bob.customerId, username: "bob", per_hour_now: "12.0000", per_hour_anew: "16.0000" },
      ],
    });
    expect(await api.db.query("SELECT count(*) FROM prices")).toEqual(before);
  });

  test("an hour now is what each payer's burn states", async () => {
    const carl = await api.customer("carl");
    await post("/prices", entry("alone", "cpu", "0.333333"));
    api.passMinutes(1);
    await run(carl, "alone", { minutesAgo: 1, lines: { cpu: "0.333333" } });

    const { body } = await post("/prices/preview", { prices: [entry("alone", "cpu", "2")] });

    const balance = await api.request("GET", "/api/v1/billing/balance", { as: carl });
    expect(body.customers).toMatchObject([
      { per_hour_now: balance.body.burn_per_hour, per_hour_anew: "4.0000" },
    ]);
    expect(balance.body.burn_per_hour).toBe("0.6667");
  });

  test("several are seen together, and those that would be refused state why", async () => {
    const { body } = await post("/prices/preview", {
      prices: [
        entry("sold", "gpu:A10", "1"),
        entry("sold", "cpu", "3"),
        entry("sold", "cpu", "4", from(-30)),
      ],
    });

    expect(body.prices.map(({ refusal }: { refusal: string | null }) => refusal)).toEqual([
      null,
      null,
      expect.stringContaining("lies in the past"),
    ]);
    expect(body.runs).toMatchObject([{ per_hour_now: "26.0000", per_hour_anew: "26.0000" }]);
  });

  test.each([
    ["prices.0.line", { prices: [entry("storage", "cpu", "1")] }],
    ["prices.1", { prices: [entry("sold", "cpu", "1"), entry("sold", "cpu", "2")] }],
  ])("a wrong %s is named", async (path, body) => {
    const answer = await post("/prices/preview", body);

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors).toMatchObject([{ path }]);
  });
});

describe("a spec that nobody made", () => {
  const typo = { spec: "standrad", line: "cpu", unit_price: "1", billing_unit: "hour" };
  const order = { spec: "standrad", cpu: 1, memory: 2 ** 30 };

  test("gets no price by a slip, and those that there are are named", async () => {
    await post("/prices", entry("named", "cpu", "1"));
    const before = await api.request("GET", "/api/v1/specs?limit=200", { as: ann });

    const price = await post("/prices", typo);
    const preview = await post("/prices/preview", { prices: [typo] });
    const estimate = await post("/billing/estimate", order, ann);

    const sentence = expect.stringMatching(/^there is no spec standrad; sold are .*\bnamed\b/);
    expect(price).toMatchObject({ status: 422, body: { errors: [{ path: "spec", message: sentence }] } });
    expect(preview.body.prices).toMatchObject([{ refusal: sentence }]);
    expect(estimate).toMatchObject({ status: 422, body: { errors: [{ path: "spec", message: sentence }] } });
    expect((await api.request("GET", "/api/v1/specs?limit=200", { as: ann })).body).toEqual(before.body);
  });

  test.each([
    ["said to be new", { spec: "fresh", new_spec: true }],
    ["the one that orders without a spec have", { spec: "default" }],
    ["the one of storage", { spec: "storage", line: "storage" }],
  ])("gets its first price where it is %s", async (_what, change) => {
    expect((await post("/prices", { ...typo, ...change })).status).toBe(201);
  });
});

describe("a retired spec", () => {
  const order = { cpu: 1, memory: 2 ** 30, gpu: 0 };
  const priced = async (spec: string) => {
    for (const line of ["cpu", "memory"]) await post("/prices", entry(spec, line, "1"));
  };
  const ordered = async (spec: string) =>
    await post("/environments", { ...order, name: "work", image: "busybox:1", config: { spec } }, ann);
  const retire = async (spec: string) =>
    await api.request("DELETE", `/api/v1/specs/${spec}`, { as: api.admin });

  test("takes no new order, names what is sold instead, and is sold again when it is restored", async () => {
    await post(`/customers/${ann.customerId}/top-ups`, { amount: "1000" });
    await priced("leaving");
    await priced("staying");
    const waiting = await ordered("leaving");
    expect(waiting.status).toBe(201);

    const retired = await retire("leaving");
    const again = await retire("leaving");
    const listed = await api.request("GET", "/api/v1/specs/leaving", { as: ann });
    const refused = await ordered("leaving");
    const estimate = await post("/billing/estimate", { ...order, spec: "leaving" }, ann);
    const offered = await api.request("GET", "/api/v1/offers", { as: ann });
    const late = await post("/prices", entry("leaving", "cpu", "2"));
    const stored = await api.request("GET", `/api/v1/environments/${waiting.body.id}`, { as: ann });
    const prices = await api.request("GET", "/api/v1/prices?spec=leaving", { as: ann });
    await api.request("DELETE", `/api/v1/environments/${waiting.body.id}`, { as: ann });
    await post("/specs/leaving/restore");
    const afterwards = await ordered("leaving");

    expect(retired).toMatchObject({ status: 200, body: { retired_at: expect.any(String) } });
    expect(again.body.retired_at).toBe(retired.body.retired_at);
    expect(listed.body.retired_at).toBe(retired.body.retired_at);
    const sentence = expect.stringMatching(
      /^the spec leaving is retired, and no new order may use it; sold are .*\bstaying\b/,
    );
    expect(refused).toMatchObject({
      status: 422,
      body: { errors: [{ path: "config.spec", message: sentence }] },
    });
    expect(estimate).toMatchObject({ status: 422, body: { errors: [{ path: "spec", message: sentence }] } });
    const specs = offered.body.items.flatMap(({ prices }: { prices: { spec: string }[] }) =>
      prices.map(({ spec }) => spec),
    );
    expect(specs).toContain("staying");
    expect(specs).not.toContain("leaving");
    expect(late.body.hint).toContain("POST /specs/leaving/restore");
    expect(stored.body.status).toBe("queued");
    expect(prices.body.items.map(({ unit_price }: { unit_price: string }) => unit_price)).toEqual([
      "2.000000",
      "1.000000",
      "1.000000",
    ]);
    expect(afterwards.status).toBe(201);
  });
});

test("a spec that is not there is neither retired nor restored", async () => {
  const retired = await api.request("DELETE", "/api/v1/specs/nowhere", { as: api.admin });

  expect([retired.status, (await post("/specs/nowhere/restore")).status]).toEqual([404, 404]);
});

describe("a retired price line", () => {
  const order = { cpu: 1, memory: 2 ** 30, gpu: 0 };
  const retire = async (line: string) =>
    await api.request("DELETE", `/api/v1/specs/partly/lines/${encodeURIComponent(line)}`, { as: api.admin });
  const restore = async (line: string) =>
    await post(`/specs/partly/lines/${encodeURIComponent(line)}/restore`);
  let orders = 0;
  const ordered = async (more: object) =>
    await post(
      "/environments",
      { ...order, ...more, name: `part-${(orders += 1)}`, image: "busybox:1", config: { spec: "partly" } },
      ann,
    );

  test("is a price for nothing new, is listed in the spec, and sells again when it is restored", async () => {
    await post(`/customers/${ann.customerId}/top-ups`, { amount: "1000" });
    await api.request("PUT", `/api/v1/customers/${ann.customerId}/quota`, {
      as: api.admin,
      body: {
        environment_quota: 10,
        gpu_quota: 1,
        cpu_quota: 10,
        memory_quota: 10_240,
        storage_quota: 2 ** 40,
      },
    });
    for (const line of ["cpu", "memory", "temp_storage"])
      await post("/prices", { ...entry("partly", line, "1"), new_spec: true });

    const waiting = await ordered({ temp_storage: 2 ** 30 });
    const retired = await retire("temp_storage");
    const again = await retire("temp_storage");
    const late = await post("/prices", entry("partly", "temp_storage", "2"));
    const refused = await ordered({ temp_storage: 2 ** 30 });
    const estimate = await post(
      "/billing/estimate",
      { ...order, temp_storage: 2 ** 30, spec: "partly" },
      ann,
    );
    const without = await ordered({});
    const stored = await api.request("GET", `/api/v1/environments/${waiting.body.id}`, { as: ann });
    const restored = await restore("temp_storage");
    const afterwards = await ordered({ temp_storage: 2 ** 30 });

    expect(retired).toMatchObject({
      status: 200,
      body: { retired_at: null, retired_lines: ["temp_storage"] },
    });
    expect(again.body.retired_lines).toEqual(["temp_storage"]);
    expect(late.body.hint).toContain("POST /specs/partly/lines/temp_storage/restore");
    const sentence = "the price for temp_storage of the spec partly is retired, and nothing new starts at it";
    expect(refused).toMatchObject({
      status: 422,
      body: { errors: [{ path: "temp_storage", message: sentence }] },
    });
    expect(estimate).toMatchObject({ status: 422, body: { errors: [{ message: sentence }] } });
    expect([waiting.status, without.status]).toEqual([201, 201]);
    expect(stored.body.status).toBe("queued");
    expect(restored).toMatchObject({ status: 200, body: { retired_lines: [] } });
    expect(afterwards.status).toBe(201);
  });

  test("with all lines retired the spec is not sold", async () => {
    for (const line of ["cpu", "memory", "temp_storage"]) await retire(line);

    const refused = await ordered({});
    const offered = await api.request("GET", "/api/v1/offers", { as: ann });
    for (const line of ["cpu", "memory", "temp_storage"]) await restore(line);

    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: "config.spec" }] } });
    expect(JSON.stringify(offered.body)).not.toContain("partly");
  });
});

test("a line that nobody priced is neither retired nor restored", async () => {
  await post("/prices", entry("bare", "cpu", "1"));
  const retired = async (line: string) =>
    (await api.request("DELETE", `/api/v1/specs/bare/lines/${encodeURIComponent(line)}`, { as: api.admin }))
      .status;

  expect([await retired("gpu:NVIDIA H100"), await retired("nonsense")]).toEqual([404, 422]);
  expect((await post("/specs/bare/lines/gpu/restore")).status).toBe(404);
});

test("examples fill a new catalogue, and change nothing that is there", async () => {
  await post("/prices", entry("standard", "spec", "1"));

  const first = await post("/prices/examples");
  const again = await post("/prices/examples");

  expect(first).toMatchObject({ status: 201, body: { made: ["basic", "premium"], kept: ["standard"] } });
  expect(again.body).toEqual({ made: [], kept: ["basic", "standard", "premium"] });
  const prices = await api.request("GET", "/api/v1/prices?spec=standard", { as: ann });
  expect(prices.body.items).toMatchObject([{ unit_price: "1.000000" }]);
  const basic = await api.request("GET", "/api/v1/specs/basic", { as: ann });
  expect(basic.body).toMatchObject({ shape: { cpu: 4, gpu: 0 }, description: expect.any(String) });
  const estimate = { spec: "basic", cpu: 4, memory: 2 ** 34, temp_storage: 50 * 2 ** 30, minutes: 90 };
  expect((await post("/billing/estimate", estimate, ann)).body).toMatchObject({ amount: "0.6000" });
});
