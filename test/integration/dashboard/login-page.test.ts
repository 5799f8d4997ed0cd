/** The way in, in a browser without a window. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../support/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../support/dashboard/dashboard-scene.ts";
import { eventually } from "../../support/eventually.ts";
import { expectKept, expectText } from "../../support/dashboard/page-checks.ts";

let scene: DashboardScene;

beforeAll(async () => {
  scene = await openDashboardScene();
});
afterAll(() => scene.close());

const cookies = async (page: Page) => (await page.browserContext().cookies()).map(({ name }) => name);

describe.skipIf(!hasBrowser)("a key typed there", () => {
  test("opens the page that was asked for, in a session that lasts until the end is chosen", async () => {
    const { page, complaints } = await scene.open("/queue");
    await page.waitForSelector('input[name="key"]');

    await page.type('input[name="key"]', scene.control.api.admin.key);
    await page.keyboard.press("Enter");

    await page.waitForSelector("nav a[aria-current]");
    expect(await page.evaluate("document.cookie")).toBe("");
    expect(await cookies(page)).toEqual(["remotegpu_session"]);
    await page.reload();
    await page.waitForSelector("nav a[aria-current]");
    await page.click('button[aria-label^="Account"]');
    await page.waitForSelector('[role="menuitem"]');
    await page.click('[role="menuitem"]');
    await page.waitForSelector('input[name="key"]');
    await eventually(async () => (await cookies(page)).length === 0, { what: "no cookie" });
    expect(complaints).toEqual([]);
  });

  test("that opens nothing is refused, with the server's reason", async () => {
    const { page } = await scene.open("/queue");
    await page.waitForSelector('input[name="key"]');

    await page.type('input[name="key"]', `rgk_${"a".repeat(43)}`);
    await page.keyboard.press("Enter");

    await page.waitForSelector('[role="alert"]');
    await expectText(page, /key/, '[role="alert"]');
    expect(await cookies(page)).toEqual([]);
  });
});

describe.skipIf(!hasBrowser)("who is not logged in (left out where Chromium is not installed)", () => {
  test("sees the way in at every address, in both themes and languages", async () => {
    const { page, complaints } = await scene.open("/queue");

    await expectText(page, "API key");
    await expectKept(page, 'input[name="key"]');
    expect(new URL(page.url()).pathname).toBe("/queue");
    expect(complaints).toEqual([]);
  });

  test("is told that the session has ended, who was", async () => {
    const { control } = scene;
    const { page } = await scene.open("/queue", await control.customer("ended"));
    await page.waitForSelector("nav a[aria-current]");

    await control.api.db.query("DELETE FROM browser_sessions");

    await page.waitForSelector('input[name="key"]');
    await expectText(page, "The session has ended", '[role="status"]');
    await page.reload();
    await page.waitForSelector('input[name="key"]');
    expect(await page.$('[role="status"]')).toBeNull();
  });

  test("is told that an account is suspended, and another one logs in there", async () => {
    const { control } = scene;
    const held = await control.customer("held");
    const { page } = await scene.open("/queue", held);
    await page.waitForSelector("nav a[aria-current]");

    await control.api.db.query("UPDATE customers SET status = 'suspended' WHERE id = $1", [held.customerId]);
    await page.reload();
    await expectText(page, "This account is suspended", '[role="status"]');
    await page.type('input[name="key"]', control.api.admin.key);
    await page.keyboard.press("Enter");

    await page.waitForSelector('nav a[href="/fleet"]');
    expect(await page.$('input[name="key"]')).toBeNull();
  });

  test("is told why a ticket opens nothing, and the address has lost it", async () => {
    const { page } = await scene.open("/#ticket=spent");

    await page.waitForSelector('[role="alert"]');

    expect(page.url()).toBe(`${scene.url}/`);
  });
});
