/** What was charged, and its proof, in a browser without a window. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HTTPRequest, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasBrowser } from "../../support/browser.ts";
import { BilledRuns } from "../../support/billing/billed-runs.ts";
import { type DashboardScene, openDashboardScene } from "../../support/dashboard/dashboard-scene.ts";
import { expectKept, expectText, textOf } from "../../support/dashboard/page-checks.ts";
import type { Caller } from "../../support/http/api.ts";

let scene: DashboardScene;
let admin: Caller;
let proof: { segments: { rows: { kind: string; seq: number; hash: string }[] }[] };
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
  proof = (await scene.control.api.ask("GET", `/api/v1/billing/records/${recordId}/proof`, { as: admin }))
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
  const row = changed.segments[0]!.rows.find(({ kind }) => kind === "own")!;
  row.hash = (row.hash.startsWith("0") ? "1" : "0") + row.hash.slice(1);
  return { text: JSON.stringify(changed), row };
}

describe.skipIf(!hasBrowser)("the proof of a line (left out where Chromium is not installed)", () => {
  test("is reached from it, verified in the browser, and its sum worked out", async () => {
    const { page, complaints } = await scene.open("/billing", admin);
    await page.waitForSelector("h1");
    await page.goto(`${scene.url}/billing/records/${recordId}`);

    await page.waitForSelector('[data-proof="holds"]');
    await expectText(page, "This bill holds.");
    await expectText(page, /Verified of run .* up to 1 head signed by host/s);
    await expectText(page, /\d+ min × \d+ × [\d.]+ per \w+ = [\d.]+/);
    await expectText(page, /Together [\d.]+/);
    await expectKept(page, '[data-proof="holds"]');
    expect(complaints).toEqual([]);
  });

  test("that somebody changed names the row that does not hold", async () => {
    const { page } = await scene.open("/queue", admin);
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

  test("of a record that is not there, or somebody else's, is said not to be", async () => {
    const stranger = await scene.control.customer("eve");
    const { page } = await scene.open(`/billing/records/${recordId}`, stranger);

    await page.waitForSelector('[role="alert"]');

    expect(await textOf(page)).toContain(`record ${recordId}`);
    expect(await page.$("[data-proof]")).toBeNull();
  });
});

describe.skipIf(!hasBrowser)("what was charged", () => {
  test("is told with what is left and how long it lasts, and a budget is set", async () => {
    const customer = await scene.control.customer("ada", "760");
    const { page, complaints } = await scene.open("/billing", customer);
    await expectText(page, "760.00");
    await expectText(page, "nothing runs");

    await page.type('form input[inputmode="decimal"]', "120");
    await page.keyboard.press("Enter");

    await expectText(page, "of a budget of 120.00");
    await expectKept(page, "form");
    expect(complaints).toEqual([]);
  });

  test("lists records, each with a way to its proof", async () => {
    const { rows } = await scene.control.api.db.query<{ customer_id: number }>(
      "SELECT customer_id FROM billing_records WHERE id = $1",
      [recordId],
    );
    const key = await scene.control.api.ask("POST", `/api/v1/customers/${rows[0]!.customer_id}/api-keys`, {
      as: admin,
      body: { name: "browser" },
    });
    const payer = { customerId: rows[0]!.customer_id, key: key.body.key };
    const { page, complaints } = await scene.open("/billing", payer);

    await page.waitForSelector(`a[href="/billing/records/${recordId}"]`);
    await page.click(`a[href="/billing/records/${recordId}"]`);

    await page.waitForSelector('[data-proof="holds"]');
    expect(complaints).toEqual([]);
  });
});
