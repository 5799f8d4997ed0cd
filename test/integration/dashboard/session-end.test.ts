/** A session that ends under a page, or is another one's all at once: what its tabs say then, and what is left of them. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../support/dashboard/dashboard-scene.ts";
import {
  expectSoundPage,
  expectText,
  pressButton,
  reloadIn,
  textOf,
} from "../../support/dashboard/page-checks.ts";
import { HURRIED_POLLS } from "../../support/dashboard/page-polls.ts";
import type { Caller } from "../../support/http/api.ts";

const FIELD = 'input[name="key"]';
const STANDS = "nav a[aria-current]";
const REPORTED = '[role="status"]';

let scene: DashboardScene;

beforeAll(async () => {
  scene = await openDashboardScene();
});
afterAll(() => scene.close());

/** Another tab of the same browser. */
async function tabBeside(page: Page, path: string): Promise<Page> {
  const tab = await page.browserContext().newPage();
  tab.setDefaultTimeout(60_000);
  await tab.evaluateOnNewDocument(HURRIED_POLLS);
  await tab.goto(scene.url + path);
  await tab.waitForSelector(STANDS);
  return tab;
}

async function logInAgain(page: Page, { key }: { key: string }): Promise<void> {
  await page.bringToFront();
  await page.type(FIELD, key);
  await page.keyboard.press("Enter");
  await page.waitForSelector(STANDS);
}

const endAll = async (as: Caller) =>
  expect((await scene.control.api.request("DELETE", "/api/v1/sessions/others", { as })).status).toBe(204);
const placeOf = (page: Page) => page.url().slice(scene.url.length);
const chooseLogOut = async (page: Page) => {
  await page.click('button[aria-label^="Account"]');
  await page.waitForSelector('[role="menuitem"]');
  await page.click('[role="menuitem"]');
};

describe.skipIf(!hasBrowser)("a session that ends (left out where Chromium is not installed)", () => {
  test("from elsewhere is reported in all tabs, which are back where they were once somebody logs in in one of them", async () => {
    const ada = await scene.control.customer("ada");
    const { page, complaints } = await scene.openHurried("/environments?status=running", ada);
    await page.waitForSelector(STANDS);
    const beside = await tabBeside(page, "/queue");

    await endAll(ada);

    for (const tab of [page, beside])
      await expectText(tab, "it was logged out from another browser", REPORTED);
    expect([placeOf(page), placeOf(beside)]).toEqual(["/environments?status=running", "/queue"]);
    await logInAgain(page, ada);
    await beside.waitForSelector(STANDS);
    expect([placeOf(page), placeOf(beside)]).toEqual(["/environments?status=running", "/queue"]);
    expect(complaints).toEqual([]);
  }, 120_000);

  test("with its key is reported so, after a reload, too", async () => {
    const { control } = scene;
    const eve = await control.customer("eve");
    const key = await control.api.key(eve, {});
    const { page } = await scene.openHurried("/queue", key);
    await page.waitForSelector(STANDS);
    const { body } = await control.api.request("GET", "/api/v1/me", { as: key });

    await control.api.request("DELETE", `/api/v1/api-keys/${body.api_key_id}`, { as: eve });

    await expectText(page, "Your session has ended with its key", REPORTED);
    await expectSoundPage(page, REPORTED);
    await reloadIn(page, "zh");
    await expectText(page, "您的会话已随其密钥结束", REPORTED);
    expect(placeOf(page)).toBe("/queue");
  }, 120_000);

  test("with the key that is revoked on the page itself is announced before it is, and reported then", async () => {
    const { page } = await scene.open("/keys", await scene.control.customer("own"));
    await expectText(page, "this browser's", "[data-own]");

    await pressButton(page, "Revoke");
    await expectText(page, "This browser, which logged in with it", '[role="dialog"]');
    await pressButton(page, "Revoke");

    await expectText(page, "Your session has ended with its key", REPORTED);
    expect(placeOf(page)).toBe("/keys");
  }, 120_000);

  test("is no matter of what another time left in the browser", async () => {
    const { page, complaints } = await scene.open("/queue", await scene.control.customer("old"));
    await page.waitForSelector(STANDS);

    for (const left of ["{", '{"state":"open"}', "ended of-another-time", ""]) {
      await page.evaluate(`localStorage.setItem("remotegpu-session", ${JSON.stringify(left)})`);
      await page.reload();
      await page.waitForSelector(STANDS);
    }

    expect(complaints).toEqual([]);
  }, 120_000);

  test("when its time is over, which the browser knows as well as the server, is reported as that", async () => {
    const { control } = scene;
    const key = await control.api.key(await control.customer("brief"), {
      expires_at: new Date(Date.now() + 8_000).toISOString(),
    });
    const { page } = await scene.open("/queue");
    await page.waitForSelector(FIELD);
    await logInAgain(page, key);

    await expectText(page, /its time was over|ended with its key/, REPORTED);

    expect(await textOf(page)).not.toContain("another browser");
  }, 120_000);

  test("by logging out is reported as no end, in no tab", async () => {
    const { page } = await scene.open("/queue", await scene.control.customer("out"));
    await page.waitForSelector(STANDS);
    const beside = await tabBeside(page, "/environments");

    await page.bringToFront();
    await chooseLogOut(page);

    for (const tab of [page, beside]) {
      await tab.waitForSelector(FIELD);
      await tab.waitForSelector(REPORTED, { hidden: true });
      await tab.reload();
      await tab.waitForSelector(FIELD);
      expect(await tab.$(REPORTED)).toBeNull();
    }
  }, 120_000);
});

describe.skipIf(!hasBrowser)("a link of another account", () => {
  test("takes the place of who was logged in, in all tabs, and nothing is left of theirs", async () => {
    const { control } = scene;
    const [fay, gil] = [await control.customer("fay"), await control.customer("gil")];
    await control.order(fay, { name: "only-of-fay" });
    const { page } = await scene.open("/environments", fay);
    await expectText(page, "only-of-fay", "main");
    const { body } = await control.api.request("POST", "/api/v1/session-tickets", { as: gil, body: {} });

    const beside = await page.browserContext().newPage();
    await beside.goto(`${scene.url}/#ticket=${body.ticket}`);
    await beside.waitForSelector('button[aria-label$="gil"]');

    await page.waitForSelector('button[aria-label$="gil"]');
    expect(await textOf(page, "main")).not.toContain("only-of-fay");
    const { rows } = await control.api.db.query("SELECT FROM browser_sessions WHERE customer_id = $1", [
      fay.customerId,
    ]);
    expect(rows).toEqual([]);
  }, 120_000);

  test("that logs in no more leaves who was logged in, who goes on", async () => {
    const { control } = scene;
    const hal = await control.customer("hal");
    const { page } = await scene.open("/queue", hal);
    await page.waitForSelector(STANDS);

    const beside = await page.browserContext().newPage();
    await beside.goto(`${scene.url}/environments#ticket=rgt_spent`);
    await expectText(beside, "it was used, or its time is over", '[role="alert"]');
    await pressButton(beside, "Go on as hal");

    await beside.waitForSelector('button[aria-label$="hal"]');
    expect(placeOf(beside)).toBe("/environments");
    expect(await page.$(FIELD)).toBeNull();
  }, 120_000);
});

describe.skipIf(!hasBrowser)("an account whose money is used up", () => {
  test("reads on every page what that stops and what ends it, and sees all it has", async () => {
    const { control } = scene;
    const ida = await control.customer("ida");
    await control.order(ida, { name: "of-ida" });
    await control.api.db.query(
      "UPDATE customers SET overdue_status = 'suspended', overdue_since = now() - interval '2 h' WHERE id = $1",
      [ida.customerId],
    );
    const { page } = await scene.open("/environments", ida);

    await expectText(page, "what ran was stopped, and nothing starts", "[data-debt]");
    await expectText(page, "of-ida", "main");
    await expectSoundPage(page, "[data-debt]");
    await page.waitForSelector("[data-debt] a");
    await page.click("[data-debt] a");

    await page.waitForFunction('location.pathname === "/billing"');
    await page.waitForSelector("[data-debt]");
    expect(await textOf(page, "main")).not.toContain("could not be");
  }, 120_000);
});
