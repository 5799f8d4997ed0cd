/** What people look things up by: search, filters of lists, payments, and what each workload costs in its list. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Alarms } from "@remotegpu/control-plane/server/http/hosts/alarms";
import type { Payments } from "@remotegpu/control-plane/server/http/money/billing/payment-list";
import type { SearchAnswer } from "@remotegpu/control-plane/server/http/search/search";
import { type ApiWorld, type Caller, openApi } from "../../support/http/api.ts";

const HOSTILE = [
  "<img src=x onerror=alert(1)>",
  "\u202eabc \u200f",
  "😀".repeat(30),
  "100%_off\\",
  "'; DROP TABLE hosts; --",
];

let api: ApiWorld;
let ann: Caller & { workspaceId: number };
let bob: Caller & { workspaceId: number };

beforeAll(async () => {
  api = await openApi();
  ann = await api.customer("ann");
  bob = await api.customer("bob");
});
afterAll(async () => await api.close());

const sql = async (text: string, values: unknown[] = []) => (await api.db.query(text, values)).rows;
const get = async (path: string, as: Caller = api.admin) =>
  await api.request("GET", `/api/v1${path}`, { as });
const part = (text: string) => encodeURIComponent(text);
const idsOf = ({ body }: { body: { items: { id: string }[] } }) => body.items.map(({ id }) => id);

async function environment(owner: Caller & { workspaceId: number }, id: string, name = id): Promise<void> {
  await sql(
    `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory, gpu)
     VALUES ($1, $2, $3, $4, 'busybox', 'running', 1, 1073741824, 0)`,
    [id, owner.customerId, owner.workspaceId, name],
  );
}

const host = async (id: string, name: string, connection = "connected") =>
  await sql("INSERT INTO hosts (id, name, ip_address, connection) VALUES ($1, $2, '10.0.0.1', $3)", [
    id,
    name,
    connection,
  ]);

describe("search", () => {
  beforeAll(async () => {
    await environment(ann, "env-find-1", "needle");
    await environment(ann, "env-find-2", "a Needle here");
    await environment(bob, "env-find-3", "needle of bob");
    await sql(
      "INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status) VALUES ('job-find', $1, $2, 'needles', 'x', 'x', 'completed')",
      [ann.customerId, ann.workspaceId],
    );
    await host("host-find", "needle-host");
    await api.customer("needler");
    await api.request("POST", "/api/v1/datasets", {
      as: bob,
      body: { name: "needle data", visibility: "public" },
    });
    await api.request("POST", "/api/v1/models", { as: bob, body: { name: "needle model" } });
    for (const [nth, name] of HOSTILE.entries()) await environment(ann, `env-hostile-${nth}`, name);
  });

  const found = async (q: string, as: Caller) => {
    const { items }: SearchAnswer = (await get(`/search?q=${part(q)}`, as)).body;
    return items.map(({ kind, name }) => `${kind} ${name}`);
  };

  test("finds what somebody may see by a part of its name, the nearest first", async () => {
    expect(await found("NEEDLE", ann)).toEqual([
      "environment needle",
      "dataset needle data",
      "training needles",
      "environment a Needle here",
    ]);
  });

  test("finds everybody's for an administrator, and hosts and customers", async () => {
    const all = await found("needle", api.admin);

    for (const one of [
      "host needle-host",
      "customer needler",
      "environment needle of bob",
      "model needle model",
    ])
      expect(all).toContain(one);
  });

  test("finds by an id, with the page that shows it", async () => {
    expect((await get("/search?q=env-find-2", ann)).body.items).toEqual([
      {
        kind: "environment",
        id: "env-find-2",
        name: "a Needle here",
        status: "running",
        url: "/environments/env-find-2",
      },
    ]);
    expect((await get("/search?q=env-find-3", ann)).body.items).toEqual([]);
  });

  test.each(HOSTILE)("takes %s as it stands", async (name) => {
    expect(await found(name.trim(), ann)).toEqual([`environment ${name}`]);
    expect((await get(`/environments?name=${part(name)}`, ann)).body.items).toMatchObject([{ name }]);
  });

  test.each(["%", "_", "\\"])("takes %s for nothing but itself", async (character) => {
    expect(await found(character, ann)).toEqual(["environment 100%_off\\"]);
    expect(idsOf(await get(`/environments?name=${part(character)}`, ann))).toEqual(["env-hostile-3"]);
  });

  test.each(["", "q=%20", "q=%00", "q=a&cursor=WzQyXQ"])("is refused with %s", async (query) =>
    expect(await get(`/search?${query}`, ann)).toMatchObject({ status: 422 }),
  );
});

describe("hosts", () => {
  beforeAll(async () => {
    await sql("UPDATE hosts SET deleted_at = now()");
    for (const [id, name, connection] of [
      ["h-1", "Zeta", "connected"],
      ["h-2", "alpha", "suspect"],
      ["h-3", "beta", "connected"],
      ["h-4", "alpha", "connected"],
    ] as const)
      await host(id, name, connection);
  });

  test.each([
    ["", ["h-1", "h-2", "h-3", "h-4"]],
    ["sort=name", ["h-2", "h-4", "h-3", "h-1"]],
    ["sort=connection", ["h-1", "h-3", "h-4", "h-2"]],
    ["sort=last_heartbeat", ["h-1", "h-2", "h-3", "h-4"]],
    ["search=ALPHA", ["h-2", "h-4"]],
    ["search=h-3", ["h-3"]],
    ["search=%25", []],
    ["search=a&sort=name&connection=connected", ["h-4", "h-3", "h-1"]],
  ])("with %s come in their order, in one page and one by one", async (query, expected) => {
    expect(idsOf(await get(`/hosts?${query}`))).toEqual(expected);

    const oneByOne: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const after: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const { body } = await get(`/hosts?${query}&limit=1${after}`);
      oneByOne.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    }
    expect(oneByOne).toEqual(expected);
  });

  test("go on behind a name of any length and script", async () => {
    await sql("UPDATE hosts SET deleted_at = now()");
    for (const nth of [1, 2, 3]) await host(`h-long-${nth}`, `${"山".repeat(127)}${nth}`);

    const { next_cursor: cursor } = (await get("/hosts?sort=name&limit=2")).body;

    expect(idsOf(await get(`/hosts?sort=name&limit=2&cursor=${cursor}`))).toEqual(["h-long-3"]);
  });

  test("refuse a cursor of another order, and one of another list", async () => {
    const { next_cursor: cursor } = (await get("/hosts?sort=name&limit=1")).body;
    const { next_cursor: ofMap } = (await get("/fleet/map?limit=1")).body;

    for (const query of [`cursor=${cursor}`, `sort=name&cursor=${ofMap}`])
      expect(await get(`/hosts?${query}`)).toMatchObject({ status: 422 });
  });
});

describe("alarms", () => {
  beforeAll(async () => {
    await sql(`INSERT INTO alarms (kind, subject, cleared_at) VALUES ('gpu-stranger', 'host h-1 100%', NULL),
      ('gpu-stranger', 'host h-2', now()), ('host-floods', 'host h-1', NULL)`);
  });

  test.each([
    ["open=true", ["host-floods", "gpu-stranger"]],
    ["open=false", ["gpu-stranger"]],
    ["kind=gpu-stranger", ["gpu-stranger", "gpu-stranger"]],
    ["kind=gpu-stranger&open=true", ["gpu-stranger"]],
    ["subject=H-1", ["host-floods", "gpu-stranger"]],
    ["subject=%25", ["gpu-stranger"]],
    ["kind=nothing", []],
  ])("with %s are those", async (query, kinds) => {
    const { items }: Alarms = (await get(`/alarms?${query}`)).body;
    expect(items.map(({ kind }) => kind)).toEqual(kinds);
  });
});

describe("payments", () => {
  test("are what was moved, newest first; who did it is for administrators", async () => {
    const reason = "<b>thanks</b> 😀";
    for (const body of [{ amount: "100" }, { amount: "7.5", reason }])
      await api.request("POST", `/api/v1/customers/${ann.customerId}/top-ups`, { as: api.admin, body });
    await api.request("POST", `/api/v1/customers/${ann.customerId}/adjustments`, {
      as: api.admin,
      body: { amount: "-1", reason: "twice" },
    });

    const own = (await get("/billing/payments", ann)).body;
    const reported: Payments = (await get(`/customers/${ann.customerId}/payments`)).body;

    expect(own.items).toMatchObject([
      { kind: "adjustment", amount: "-1.0000", reason: "twice", actor: null },
      { kind: "topup", amount: "7.5000", reason, actor: null },
      { kind: "topup", amount: "100.0000", reason: null, actor: null },
    ]);
    expect(reported.items.map(({ actor }) => actor)).toEqual(Array(3).fill(`admin ${api.admin.customerId}`));
    expect((await get("/billing/payments", bob)).body.items).toEqual([]);
  });
});

describe("accounts", () => {
  test("that were deleted are listed where they are requested, and nowhere else", async () => {
    const gone = await api.customer("gone");
    await sql("UPDATE customers SET deleted_at = now() WHERE id = $1", [gone.customerId]);
    const listed = async (filter: string) => {
      const { body } = await get(`/customers?limit=100${filter}`);
      return (body.items as { id: number; status: string }[]).map(({ id, status }) => `${id} ${status}`);
    };

    expect(await listed("&status=deleted")).toEqual([`${gone.customerId} deleted`]);
    expect(await listed("&status=active")).toContain(`${bob.customerId} active`);
    for (const filter of ["", "&status=active", "&username=gone"])
      expect((await listed(filter)).filter((one) => one.startsWith(`${gone.customerId} `))).toEqual([]);
  });
});

describe("what a workload costs", () => {
  /** Half an hour is proven of an open run at 4 an hour, of which 0.5 was charged; a run before it cost 3. */
  beforeAll(async () => {
    await environment(bob, "env-costs");
    await sql(
      "INSERT INTO instances (id, workload_kind, workload_id, state) VALUES ('i-costs', 'environment', 'env-costs', 'ready')",
    );
    for (const epoch of [1, 2])
      await sql(
        `INSERT INTO placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes, gone_at, resources_released_at)
         VALUES ('i-costs', $1, 'h-1', '{}', 'x', 0, 0, CASE WHEN $1 = 1 THEN now() END, CASE WHEN $1 = 1 THEN now() END)`,
        [epoch],
      );
    await sql(
      `INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, resource_type, resource_id, spec, first_proven_at, closed_at,
         proven_ms, posted_amount, uncharged)
       VALUES ('r-1', 'i-costs', 1, 'h-1', $1, 'environment', 'env-costs', 'default', now(), now(), 1, 3, false),
              ('r-2', 'i-costs', 2, 'h-1', $1, 'environment', 'env-costs', 'default', now(), NULL, 1800000, 0.5, true)`,
      [bob.customerId],
    );
    await sql(`INSERT INTO run_lines (run_id, line, quantity, unit_price, billing_unit)
      SELECT r, 'cpu', 2, 2, 'hour' FROM unnest(ARRAY['r-1', 'r-2']) r`);
  });

  const listed = async (as: Caller) => (await get("/environments?name=env-costs", as)).body.items[0];

  test("is its rate now and its cost so far, which are those of its payer's balance", async () => {
    const balance = (await get("/billing/balance", bob)).body;

    const visible = { rate_per_hour: "4.0000", cost_so_far: "5.0000" };
    expect(await listed(bob)).toMatchObject(visible);
    expect((await get("/environments/env-costs", bob)).body).toMatchObject(visible);
    expect(balance).toMatchObject({ burn_per_hour: "4.0000", accrued: "1.5000" });
  });

  test("is nothing of one that never ran, and null to a key without the scope money", async () => {
    const poor = await api.key(bob, { scopes: ["read"] });

    expect(await listed(poor)).toMatchObject({ rate_per_hour: null, cost_so_far: null });
    expect((await get("/environments/env-find-1", ann)).body).toMatchObject({
      rate_per_hour: "0.0000",
      cost_so_far: "0.0000",
    });
  });
});
