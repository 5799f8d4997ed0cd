/** Budget, thresholds, alerts and the books as people ask for them over HTTP. */
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import { openRuns, waiveRun } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { parseQuantity } from "@remotegpu/shared/values/money";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApi, problem, type Answer, type ApiWorld, type Caller } from "../../support/http/api.ts";
import {
  at,
  CHINA,
  openScene,
  openSceneRun,
  type Scene,
  SceneJournal,
} from "../../support/billing/metering-scene.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let api: ApiWorld;
let ann: Caller;
beforeAll(async () => {
  api = await openApi();
  ann = await api.customer("ann");
});
afterAll(async () => await api.close());

async function request(method: string, path: string, as: Caller, body?: object): Promise<Answer> {
  return await api.request(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
}

describe("a budget", () => {
  test("begins as none, is set, listed with the balance, and taken away", async () => {
    const none = (await request("GET", "/billing/budget", ann)).body;
    const set = (await request("PUT", "/billing/budget", ann, { monthly_limit: "200", percents: ["90"] }))
      .body;
    const balance = (await request("GET", "/billing/balance", ann)).body;
    const gone = (await request("PUT", "/billing/budget", ann, { monthly_limit: null, percents: null })).body;

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
    [{ monthly_limit: "1", percents: ["50", "50.0"] }, "percents"],
    [{ monthly_limit: "1", percents: ["0"] }, "percents.0"],
  ])("%j is refused by its field", async (body, path) => {
    const answer = await request("PUT", "/billing/budget", ann, body);

    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });

  test("of a customer that does not exist is not found", async () => {
    const path = "/billing/budget?customer_id=999999";

    expect(await request("PUT", path, api.admin, { monthly_limit: "1" })).toMatchObject(problem(404));
  });

  test("an administrator's access to it is in the audit log", async () => {
    await request("PUT", `/billing/budget?customer_id=${ann.customerId}`, api.admin, { monthly_limit: null });

    const [entry] = (await request("GET", "/audit-log?limit=1", api.admin)).body.items;
    expect(entry).toMatchObject({ method: "PUT", subject: `budget of customer ${ann.customerId}` });
  });
});

test("thresholds change one by one, and null takes the default", async () => {
  const path = "/billing/alert-thresholds";

  await request("PUT", path, ann, { balances: ["12.5"] });
  const both = (await request("PUT", path, ann, { hours_left: [] })).body;
  const back = (await request("PUT", path, ann, { balances: null, hours_left: null })).body;

  expect(both).toEqual({ balances: ["12.5000"], hours_left: [] });
  expect(back).toEqual({ balances: ["50.0000", "10.0000"], hours_left: ["24.0000", "4.0000"] });
});

test("alerts are listed newest first, those that hold apart, by kind", async () => {
  const top = (amount: string) =>
    request("POST", `/customers/${ann.customerId}/top-ups`, api.admin, { amount });
  const take = (amount: string) =>
    request("POST", `/customers/${ann.customerId}/adjustments`, api.admin, { amount, reason: "r" });
  await top("60");
  await take("-55");
  await top("30");
  await take("-60");

  const list = async (query = "") => (await request("GET", `/billing/alerts${query}`, ann)).body.items;

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
});

describe("the books", () => {
  let scene: Scene;
  let journal: SceneJournal;

  async function prove(runId: string, fromMs: number, toMs: number): Promise<void> {
    const deps = { db: api.db, verify: async () => true, calendar: CHINA };
    const seq = journal.write({ run: runId, fromMs, toMs });
    await ingestBatch(deps, scene.hostId, journal.batch(seq, seq), at(toMs));
  }

  beforeAll(async () => {
    scene = await openScene(api.db, "bob", "100");
    journal = new SceneJournal(scene);
    for (const runId of ["run-a", "run-b", "run-c"]) await openSceneRun(api.db, scene, runId);
    await openUnpricedRun(scene);
    const term = await acquireLeadership(api.db, { holder: "one", now: at(0) });
    await chargeDueHours({ db: api.db, calendar: CHINA }, { term: term ?? 0, now: at(0) });
    for (const runId of ["run-a", "run-b", "run-c", "run-d"]) await prove(runId, 0, HOUR);
    await transaction(api.db, async (tx) => {
      await waiveRun(tx, { runId: "run-b", from: at(50 * MINUTE), reason: "account suspended" });
      const evidence = { sentence: "Xid 79" };
      const stretch = {
        runId: "run-c",
        reason: "gpu-lost",
        from: at(0),
        to: at(HOUR / 2),
        evidence,
      } as const;
      await waiveBroken(tx, stretch, at(HOUR));
    });
  });

  async function openUnpricedRun({ customerId, hostId, workspaceId }: Scene): Promise<void> {
    await transaction(api.db, async (tx) => {
      await tx.query(
        "INSERT INTO instances (id, workload_kind, workload_id, current_epoch, state) VALUES ('i-run-d', 'environment', 'env-d', 1, 'ready')",
      );
      await tx.query(
        `INSERT INTO placements (instance_id, epoch, host_id, state, run_id, spec, spec_hash, cpu_milli, memory_bytes)
         VALUES ('i-run-d', 1, $1, 'ready', 'run-d', '{}', '', 0, 0)`,
        [hostId],
      );
      await openRuns(tx, [
        {
          id: "run-d",
          instanceId: "i-run-d",
          epoch: 1,
          hostId,
          customerId,
          orderedBy: customerId,
          workspaceId,
          resourceType: "environment",
          resourceId: "env-d",
          resourceName: "env-d",
          spec: "unknown",
          gpuModel: null,
          orderedAt: at(0),
          lines: [{ line: "gpu", quantity: parseQuantity("1") }],
        },
      ]);
    });
  }

  const books = async (name: string, query = "") =>
    (await request("GET", `/billing/${name}${query}`, api.admin)).body;

  test("show what is proven and not charged, until the hour charges it", async () => {
    const before = await books("pending");
    const term = await acquireLeadership(api.db, { holder: "one", now: at(HOUR) });
    await chargeDueHours({ db: api.db, calendar: CHINA }, { term: term ?? 0, now: at(HOUR) });
    await prove("run-a", HOUR, HOUR + 90_000);
    const after = await books("pending");

    expect(before.items).toMatchObject([
      {
        run_id: "run-a",
        proven_ms: HOUR,
        waived_ms: 0,
        billed_minutes: 0,
        pending_minutes: 60,
        unrated: false,
      },
      { run_id: "run-b", waived_ms: 10 * MINUTE, pending_minutes: 50 },
      { run_id: "run-c", waived_ms: 30 * MINUTE, pending_minutes: 30 },
      { run_id: "run-d", pending_minutes: 60, unrated: true },
    ]);
    expect(after.items).toMatchObject([
      { run_id: "run-a", billed_minutes: 60, pending_minutes: 2 },
      { run_id: "run-d", unrated: true },
    ]);
  });

  test("show what has no price, and for which line", async () => {
    expect((await books("unrated")).items).toMatchObject([
      { run_id: "run-d", spec: "unknown", missing: ["gpu"], proven_ms: HOUR },
    ]);
  });

  test("show what is waived, page by page, and why", async () => {
    const first = await books("waived", "?limit=1");
    const second = await books("waived", `?limit=1&cursor=${first.next_cursor}`);

    expect(first.items).toMatchObject([
      {
        run_id: "run-b",
        waived_ms: 10 * MINUTE,
        waive_from: at(50 * MINUTE).toISOString(),
        waive_reason: "account suspended",
        stretches: [],
      },
    ]);
    expect(second.items).toMatchObject([
      {
        run_id: "run-c",
        waived_ms: 30 * MINUTE,
        waive_from: null,
        stretches: [
          {
            reason: "gpu-lost",
            from_at: at(0).toISOString(),
            to_at: at(HOUR / 2).toISOString(),
            evidence: { sentence: "Xid 79" },
          },
        ],
      },
    ]);
    expect(second.next_cursor).toBeNull();
  });

  test("agree, and name whose balance somebody changed by hand", async () => {
    const agreed = await books("trial-balance");
    await api.db.query("UPDATE customers SET balance = balance + 1 WHERE id = $1", [scene.customerId]);
    const changed = await books("trial-balance");

    expect(agreed).toMatchObject({ total: "0.0000", unbalanced_customers: 0, items: [] });
    const total = (account: string) =>
      agreed.accounts.find((one: { account: string }) => one.account === account)?.total;
    expect(total("cash")).toBe("-190.0000");
    expect(total("revenue")).toBe("14.0000");
    expect(changed).toMatchObject({
      unbalanced_customers: 1,
      items: [{ customer_id: scene.customerId, balance: "87.0000", entries: "86.0000" }],
    });
  });
});
