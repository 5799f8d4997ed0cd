/** The way in, in a browser without a window. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasBrowser } from "../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../support/dashboard/dashboard-scene.ts";
import { eventually } from "../../support/eventually.ts";
import { expectSoundPage, expectText, pressButton, textOf } from "../../support/dashboard/page-checks.ts";

let scene: DashboardScene;

beforeAll(async () => {
  scene = await openDashboardScene();
});
afterAll(() => scene.close());

const cookies = async (page: Page) => (await page.browserContext().cookies()).map(({ name }) => name);

describe.skipIf(!hasBrowser)("a key typed there", () => {
  test("opens the page that was requested, in a session that lasts until the end is chosen", async () => {
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

  test.each([
    ["nothing", "", "Type your API key"],
    ["blanks", "  ", "Type your API key"],
    ["a part of one", "rgk_abc", "not a whole key"],
    ["that of a service", `rgs_${"a".repeat(43)}`, "key of an inference service"],
    ["that of SSH", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "This is an SSH key"],
    ["a word", "secret", "one begins with rgk_"],
    ["one of another server", `rgk_${"a".repeat(43)}`, "the key of another server"],
  ])("that is %s opens nothing, and the reason is displayed", async (_what, typed, reported) => {
    const { page } = await scene.open("/queue");
    await page.waitForSelector('input[name="key"]');

    await page.type('input[name="key"]', typed);
    await page.keyboard.press("Enter");

    await expectText(page, reported, '[role="alert"]');
    expect(await cookies(page)).toEqual([]);
    expect(await page.evaluate("document.activeElement?.name")).toBe("key");
  });

  test("is refused in the reader's language, with the server that it was presented to", async () => {
    const { page } = await scene.open("/queue", undefined, "zh");
    await page.waitForSelector('input[name="key"]');

    await page.type('input[name="key"]', `rgk_${"a".repeat(43)}`);
    await page.keyboard.press("Enter");

    await expectText(page, `此密钥在 ${new URL(scene.url).host} 无效`, '[role="alert"]');
    expect(await textOf(page, '[role="alert"]')).not.toContain("key");
  });

  test.each([
    ["blanks around and within it", (key: string) => `  ${key.slice(0, 20)} ${key.slice(20)}  `],
    ["the name that it has in a file", (key: string) => `export REMOTEGPU_KEY="${key}"`],
    ["the word of a header", (key: string) => `Authorization: Bearer ${key}`],
  ])("with %s opens what it opens", async (_what, changed) => {
    const { page } = await scene.open("/queue");
    await page.waitForSelector('input[name="key"]');

    await page.type('input[name="key"]', changed(scene.control.api.admin.key));
    await page.keyboard.press("Enter");

    await page.waitForSelector("nav a[aria-current]");
    expect(await cookies(page)).toEqual(["remotegpu_session"]);
  });
});

describe.skipIf(!hasBrowser)("who is not logged in (left out where Chromium is not installed)", () => {
  test("sees the login at every address, in both themes and languages", async () => {
    const { page, complaints } = await scene.open("/queue");

    await expectText(page, "API key");
    await expectSoundPage(page, 'input[name="key"]');
    expect(new URL(page.url()).pathname).toBe("/queue");
    expect(complaints).toEqual([]);
  });

  test("is notified that an account is suspended, and another one logs in there", async () => {
    const { control } = scene;
    const held = await control.customer("held");
    const { page } = await scene.openHurried("/queue", held);
    await page.waitForSelector("nav a[aria-current]");

    await control.api.db.query("UPDATE customers SET status = 'suspended' WHERE id = $1", [held.customerId]);
    await expectText(page, "This account is suspended", '[role="status"]');
    await page.reload();
    await expectText(page, "This account is suspended", '[role="status"]');
    await page.type('input[name="key"]', control.api.admin.key);
    await page.keyboard.press("Enter");

    await page.waitForSelector('nav a[href="/fleet"]');
    expect(await page.$('input[name="key"]')).toBeNull();
  });

  test("logs out of an account that is suspended, and is not notified of an end", async () => {
    const { control } = scene;
    const held = await control.customer("left");
    const { page, complaints } = await scene.openHurried("/queue", held);
    await page.waitForSelector("nav a[aria-current]");
    await control.api.db.query("UPDATE customers SET status = 'suspended' WHERE id = $1", [held.customerId]);
    await expectText(page, "This account is suspended", '[role="status"]');
    await expectSoundPage(page, '[role="status"]');

    await pressButton(page, "Log out");

    await page.waitForSelector('[role="status"]', { hidden: true });
    expect([await cookies(page), new URL(page.url()).pathname]).toEqual([[], "/queue"]);
    const { rows } = await control.api.db.query("SELECT FROM browser_sessions WHERE customer_id = $1", [
      held.customerId,
    ]);
    expect([rows, complaints]).toEqual([[], []]);
  });

  test("is logged in by a link that was opened before the dashboard was built, once it is", async () => {
    const { config } = scene.control.api.deps;
    const { dashboard } = config;
    onTestFinished(() => void (config.dashboard = dashboard));
    config.dashboard = () => ({ state: "building" });
    const { admin } = scene.control.api;
    const { body } = await scene.control.api.request("POST", "/api/v1/session-tickets", {
      as: admin,
      body: {},
    });
    const { page } = await scene.open(`/#ticket=${body.ticket}`);
    await expectText(page, "being built");

    config.dashboard = dashboard;

    await page.waitForSelector("nav a[aria-current]");
    expect(page.url()).toBe(`${scene.url}/fleet`);
  });

  test("is given the reason why a ticket opens nothing, and the address has lost it", async () => {
    const { page } = await scene.open("/#ticket=spent");

    await page.waitForSelector('[role="alert"]');

    expect(page.url()).toBe(`${scene.url}/`);
  });
});
