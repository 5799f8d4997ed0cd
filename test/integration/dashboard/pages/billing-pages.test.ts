/** What was charged, and its proof, in a browser without a window. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HTTPRequest, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { BillingRecordProof } from "@remotegpu/control-plane/client/generated/api.schemas";
import { closeDueMonths } from "@remotegpu/control-plane/server/controllers/billing/month-closing";
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { insertRecords, insertRun, type RecordOptions } from "../../../support/billing/bill-records.ts";
import { CHINA } from "../../../support/billing/metering-scene.ts";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { BilledRuns } from "../../../support/billing/billed-runs.ts";
import { fill } from "../../../support/dashboard/by-hand.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { expectSoundPage, expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import type { Caller } from "../../../support/http/api.ts";

let scene: DashboardScene;
let admin: Caller;
let proof: BillingRecordProof;
let recordId: number;

beforeAll(async () => {
  scene = await openDashboardScene();
  ({ admin } = scene.control.api);
  const runs = new BilledRuns(scene.control.api.db);
  await runs.price(240, "9");
  const one = await runs.open("whole");
  one.write({ from: 0, to: 20 });
  one.write({ from: 20, to: 40.5 });
  one.write({ from: 40.5, to: 70.25, final: true });
  one.sendAt(71, 1, 3);
  await runs.play();
  const { rows } = await scene.control.api.db.query<{ id: number }>(
    "SELECT max(id) AS id FROM billing_records WHERE run_id = $1",
    [one.scene.runId],
  );
  recordId = rows[0]!.id;
  proof = (await scene.control.api.request("GET", `/api/v1/billing/records/${recordId}/proof`, { as: admin }))
    .body;
});
afterAll(() => scene.close());

/** The page asks for a proof and is given this one. */
async function answered(page: Page, text: string): Promise<void> {
  await page.setRequestInterception(true);
  page.on("request", (request: HTTPRequest) => {
    if (!request.url().endsWith("/proof")) return void request.continue();
    void request.respond({ status: 200, contentType: "application/json", body: text });
  });
}

function tampered() {
  const changed = structuredClone(proof);
  const row = changed.segments[0]!.rows.find((one) => one.kind === "own")!;
  row.hash = (row.hash.startsWith("0") ? "1" : "0") + row.hash.slice(1);
  return { text: JSON.stringify(changed), row };
}

describe.skipIf(!hasBrowser)("the proof of a line (left out where Chromium is not installed)", () => {
  test("is reached from it, verified in the browser, and its sum worked out", async () => {
    const { page, complaints } = await scene.open(`/billing/records/${recordId}`, admin);

    await page.waitForSelector('[data-proof="holds"]');
    await expectText(page, "This bill holds.");
    await expectText(page, /Verified of run .* up to 1 head signed by host/s);
    await expectText(page, /\d+ min × \d+ × [\d.]+ per \w+ = [\d.]+/);
    await expectText(page, /Together [\d.]+/);
    await expectSoundPage(page, '[data-proof="holds"]');
    expect(complaints).toEqual([]);
  });

  test("that somebody changed names the row that does not hold", async () => {
    const { page } = await scene.loggedIn(admin);
    const { text, row } = tampered();
    await answered(page, text);

    await page.goto(`${scene.url}/billing/records/${recordId}`);

    await page.waitForSelector('[data-proof="fails"]');
    await expectText(page, `row ${row.seq} of journal`, '[data-proof="fails"]');
    expect(await textOf(page)).toContain("This bill does not hold");
  });

  test("is judged of a file while nothing is to be reached, once the page is loaded", async () => {
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-proof-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { text, row } = tampered();
    writeFileSync(join(folder, "changed.json"), text);
    writeFileSync(join(folder, "whole.json"), JSON.stringify(proof));
    writeFileSync(join(folder, "none.json"), "{");
    const { page } = await scene.open(`/billing/records/${recordId}`, admin);
    await page.waitForSelector('[data-proof="holds"]');
    await page.setOfflineMode(true);
    const choose = async (name: string) => {
      const input = await page.waitForSelector("input[type=file]");
      await input!.uploadFile(join(folder, name));
      await expectText(page, name);
    };

    await choose("changed.json");
    await page.waitForSelector('[data-proof="fails"]');
    await expectText(page, `row ${row.seq} of journal`, '[data-proof="fails"]');
    await choose("whole.json");
    await page.waitForSelector('[data-proof="holds"]');
    await choose("none.json");
    await page.waitForSelector('[data-proof="none"]');
    expect(await textOf(page)).toContain("This is no proof");
  });

  test("that is none states why in the reader's language", async () => {
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-proof-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "none.json"), "{");
    writeFileSync(join(folder, "other.json"), "{}");
    const { page } = await scene.open(`/billing/records/${recordId}`, admin, "zh");
    await page.waitForSelector('[data-proof="holds"]');
    const choose = async (name: string) =>
      await (await page.waitForSelector("input[type=file]"))?.uploadFile(join(folder, name));

    await choose("none.json");
    await expectText(page, "它不是 JSON", '[data-proof="none"]');
    await choose("other.json");
    await expectText(page, /它不是 \S+: format/, '[data-proof="none"]');
    expect(await textOf(page, '[data-proof="none"]')).not.toContain("It is no");
  });

  test("of a record that is not there, or somebody else's, is reported as not found", async () => {
    const stranger = await scene.control.customer("eve");
    const { page } = await scene.open(`/billing/records/${recordId}`, stranger);

    await page.waitForSelector("[data-not-found]");
    await page.goto(`${scene.url}/billing/records/999999`);
    await page.waitForSelector("[data-not-found]");

    expect(await page.$("[data-proof]")).toBeNull();
  });
});

describe.skipIf(!hasBrowser)("what was charged", () => {
  test("is displayed with what is left and how long it lasts, and a budget is set", async () => {
    const customer = await scene.control.customer("ada", "760");
    const { page, complaints } = await scene.open("/billing", customer);
    await expectText(page, "760.00");
    await expectText(page, "nothing runs");
    await page.waitForSelector('section[aria-label="Balance"] time');

    await page.type('form input[inputmode="decimal"]', "120");
    await page.keyboard.press("Enter");

    await expectText(page, "of a budget of 120.00");
    await expectSoundPage(page, "form");
    expect(complaints).toEqual([]);
  });

  test("has a budget that is refused with why, and taken away where it is empty", async () => {
    const customer = await scene.control.customer("ben", "760");
    const { api } = scene.control;
    const budget = async (method = "GET", body?: object) =>
      (await api.request(method, "/api/v1/billing/budget", { as: customer, ...(body && { body }) })).body;
    await budget("PUT", { monthly_limit: "120" });
    const { page } = await scene.open("/billing", customer);
    await expectText(page, "of a budget of 120.00");
    const field = "Points a month";

    await fill(page, field, "many");
    await page.keyboard.press("Enter");
    await page.waitForSelector('form [role="alert"]');
    expect(await budget()).toMatchObject({ monthly_limit: "120.0000" });
    await fill(page, field, " ");
    await page.keyboard.press("Enter");

    await expectText(page, "no budget is set");
    expect(await budget()).toMatchObject({ monthly_limit: null });
  });

  test("lists records, each with a link to its proof", async () => {
    const { rows } = await scene.control.api.db.query<{ customer_id: number }>(
      "SELECT customer_id FROM billing_records WHERE id = $1",
      [recordId],
    );
    const key = await scene.control.api.request(
      "POST",
      `/api/v1/customers/${rows[0]!.customer_id}/api-keys`,
      {
        as: admin,
        body: { name: "browser" },
      },
    );
    const payer = { customerId: rows[0]!.customer_id, key: key.body.key };
    const { page, complaints } = await scene.open("/billing", payer);

    await page.waitForSelector(`a[href="/billing/records/${recordId}"]`);
    await page.click(`a[href="/billing/records/${recordId}"]`);

    await page.waitForSelector('[data-proof="holds"]');
    expect(complaints).toEqual([]);
  });

  test("is listed by workspace and day, of a credit with its cause, and each narrows the records", async () => {
    const { db } = scene.control.api;
    const ada = await scene.control.customer("bea");
    const names = { workspace_id: ada.workspaceId, usage_month: null };
    const now = Date.now();
    const ends = [new Date(now - 1_000), new Date(now - 2_000)].map((end) => end.toISOString());
    await insertRecords(db, [
      { ...record(ada, ends[0]), ...names, resource_name: "charged here", amount: "7.2500" },
      {
        ...record(ada, ends[1]),
        ...names,
        resource_name: "given back",
        amount: "-1.5000",
        run_id: await creditedRun(ada),
      },
      {
        ...record(ada, "2019-03-10T03:00:00Z"),
        resource_name: "long ago",
        amount: "2.0000",
        resource_type: "legacy",
        legacy_resource_type: "gpu",
      },
    ]);
    const records = 'section[aria-label="Charges and credits"]';
    const { page, complaints } = await scene.open("/billing", ada);
    await expectText(page, "given back", records);
    await expectText(page, "long ago", records);
    await expectText(page, "none: the old system charged it", records);
    await expectText(page, "gpu-lost since", records);

    const link = `a[href="/billing?workspace=${ada.workspaceId}"]`;
    await page.waitForSelector(link);
    const { rows } = await db.query<{ name: string }>("SELECT name FROM workspaces WHERE id = $1", [
      ada.workspaceId,
    ]);
    expect(await textOf(page, link)).toBe(rows[0]?.name);
    await page.click(link);
    await page.waitForFunction(
      `!document.querySelector(${JSON.stringify(records)}).innerText.includes("long ago")`,
    );
    await expectText(page, "charged here", records);
    await page.goto(`${scene.url}/billing?day=2019-03-10`);
    await expectText(page, "long ago", records);
    expect(await textOf(page, records)).not.toContain("charged here");
    expect(complaints).toEqual([]);
  });

  test("is on invoices that open, with their lines and other movements, and are not others' to see", async () => {
    const { control } = scene;
    const payer = await control.customer("cleo");
    await insertRecords(
      control.api.db,
      [
        { ...record(payer, "2026-03-10T03:00:00Z"), resource_name: "on the invoice", amount: "12.5000" },
        {
          ...record(payer, "2026-03-11T03:00:00Z"),
          resource_id: "env-2",
          resource_name: "and this",
          workspace_id: payer.workspaceId,
          amount: "3.0000",
        },
      ].map((one) => ({ ...one, invoice_month: "2026-03-01", usage_month: "2026-03-01" })),
    );
    const hour = new Date("2026-04-05T00:00:00Z");
    const term = (await acquireLeadership(control.api.db, { holder: "test", now: hour })) ?? 0;
    await closeDueMonths({ db: control.api.db, calendar: CHINA }, { hour, term, now: hour });

    const { page, complaints } = await scene.open("/billing", payer);
    await page.waitForSelector('a[href^="/billing/invoices/"]');
    await page.click('a[href^="/billing/invoices/"]');

    const lines = 'section[aria-label="Lines"]';
    await expectText(page, "on the invoice", lines);
    const { items } = (await control.api.request("GET", "/api/v1/workspaces", { as: payer })).body;
    await expectText(page, new RegExp(`and this\\s+${items[0]!.name}`), lines);
    await expectText(page, "of 2026-03", "h1");
    await expectText(page, "15.50", 'section[aria-label="Sum of the lines"]');
    await expectSoundPage(page, "main table");
    const address = new URL(page.url()).pathname;
    const stranger = await scene.open(address, await control.customer("dan"));
    await stranger.page.waitForSelector("[data-not-found]");
    expect(complaints).toEqual([]);
  });
});

function record({ customerId }: Caller, end = ""): RecordOptions {
  const start = new Date(Date.parse(end) - 500).toISOString();
  return { customer_id: customerId, amount: "0", invoice_month: null, start_time: start, end_time: end };
}

/** One whose card was lost for a while. */
async function creditedRun({ customerId }: Caller): Promise<string> {
  const { db } = scene.control.api;
  await insertRun(db, { id: "run-credited", customerId, orderedBy: customerId });
  const from = new Date("2026-03-10T02:00:00Z");
  const stretch = { runId: "run-credited", reason: "gpu-lost", from, to: null, evidence: {} } as const;
  await transaction(db, async (sql) => await waiveBroken(sql, stretch, new Date()));
  return "run-credited";
}
