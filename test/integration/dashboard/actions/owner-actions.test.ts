/** What an owner changes by mouse beside the map: a host's trust, a refund, an alarm; and what the API says of it. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { BilledRuns } from "../../../support/billing/billed-runs.ts";
import { fill, press } from "../../../support/dashboard/by-hand.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone } from "../../../support/dashboard/keyboard.ts";
import { expectText } from "../../../support/dashboard/page-checks.ts";

const DIALOG = '[role="dialog"]';

let scene: DashboardScene;

beforeAll(async () => {
  scene = await openDashboardScene();
});
afterAll(() => scene.close());

async function open(path: string): Promise<Page> {
  const { page } = await scene.open(path, scene.control.api.admin);
  await page.setViewport({ width: 1200, height: 900 });
  return page;
}

const get = async (path: string) =>
  (await scene.control.api.request("GET", `/api/v1${path}`, { as: scene.control.api.admin })).body;

describe.skipIf(!hasBrowser)("an owner (left out where Chromium is not installed)", () => {
  test("gives back a part of what a run was charged, and no more than that", async () => {
    const runs = new BilledRuns(scene.control.api.db);
    const run = await runs.open("billed");
    run.write({ from: 0, to: 60, final: true });
    run.sendAt(61, 1);
    await runs.play();
    const { customerId, runId } = run.scene;
    const page = await open(`/money?customer=${customerId}`);
    await expectText(page, "94.00", 'section[aria-label="Balance"]');

    await press(page, "Refund a run");
    await fill(page, "Run", runId);
    await fill(page, "Amount in points", "1000");
    await press(page, "Refund a run", DIALOG);
    await expectText(page, "Refused:", DIALOG);
    await fill(page, "Amount in points", "2.5");
    await press(page, "Refund a run", DIALOG);

    await dialogGone(page);
    await expectText(page, "96.50", 'section[aria-label="Balance"]');
    expect(await get(`/customers/${customerId}`)).toMatchObject({ balance: "96.5000" });
  });

  test("revokes a host after a dialog that states what goes on there, once", async () => {
    await scene.control.host("h-1", { gpus: 1 });
    const page = await open("/hosts/h-1");

    await press(page, "Revoke");
    await expectText(page, "What ran there goes on on the machine", DIALOG);
    await press(page, "Revoke", DIALOG);

    await dialogGone(page);
    await page.waitForSelector('::-p-aria([name="Revoke"][role="button"])', { hidden: true });
    expect(await get("/hosts/h-1")).toMatchObject({ revoked_at: expect.any(String) });
  });

  test("clears an alarm, which is then listed as cleared", async () => {
    await scene.control.api.db.query(
      "INSERT INTO alarms (kind, subject, detail, raised_at) VALUES ('disk-full', 'gpu-9', 'Make room', now())",
    );
    const { items } = await get("/alarms?kind=disk-full");
    const page = await open("/alarms?kind=disk-full");

    await press(page, `Clear alarm ${items[0].id}`);

    await page.waitForSelector("tbody button", { hidden: true });
    expect((await get("/alarms?kind=disk-full")).items).toEqual([
      expect.objectContaining({ id: items[0].id, cleared_at: expect.any(String) }),
    ]);
  });
});
