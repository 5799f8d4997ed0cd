/** Single sign-on in a browser without a window: the button, the provider's own pages, and back to the page that was requested. */
import { openSignOn } from "@remotegpu/control-plane/server/sign-on";
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DashboardScene, openDashboardScene } from "../../support/dashboard/dashboard-scene.ts";
import { expectSoundPage, expectText } from "../../support/dashboard/page-checks.ts";
import { hasBrowser } from "../../support/engines/chromium/browser.ts";
import type { Caller } from "../../support/http/api.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openProvider, type TestProvider } from "../../support/sign-on/provider.ts";
import { signOnConfig } from "../../support/sign-on/sign-on-world.ts";

const BUTTON = 'main a[href^="/api/v1/auth/oidc/start"]';

let scene: DashboardScene;
let provider: TestProvider;
let ada: Caller;

beforeAll(async () => {
  scene = await openDashboardScene();
  provider = await openProvider(`${scene.url}/api/v1/auth/oidc/callback`);
  const { api } = scene.control;
  const config = signOnConfig(provider.issuer);
  api.deps.signOn = openSignOn(config, { operator: api.operator, log: quietLog });
  ada = await scene.control.customer("ada");
});
afterAll(async () => {
  await provider.close();
  await scene.close();
});

const asAdmin = async (path: string, body: object) => {
  const { api } = scene.control;
  const given = { as: api.admin, body };
  return (await api.request("POST", `/api/v1/customers/${ada.customerId}${path}`, given)).body;
};

/** Through the pages of the provider, which ask for a name and for consent. */
async function logInThere(page: Page, subject: string): Promise<void> {
  await page.waitForSelector('input[name="login"]');
  await page.type('input[name="login"]', subject);
  await page.type('input[name="password"]', "of no matter");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await page.waitForSelector('button[type="submit"]');
  await page.click('button[type="submit"]');
}

const cookies = async (page: Page) =>
  (await page.browserContext().cookies())
    .filter(({ domain }) => domain === new URL(scene.url).hostname)
    .map(({ name }) => name);

describe.skipIf(!hasBrowser)("single sign-on (left out where Chromium is not installed)", () => {
  test("leads to the provider and back to the page that was requested", async () => {
    await asAdmin("/identities", { subject: "ada-there" });
    const { page, complaints } = await scene.open("/queue");
    await page.waitForSelector(BUTTON);
    await expectText(page, "Sign in with Example Accounts", BUTTON);
    await expectSoundPage(page, BUTTON);

    await page.click(BUTTON);
    await logInThere(page, "ada-there");

    await page.waitForSelector("nav a[aria-current]");
    const { pathname, hash } = new URL(page.url());
    expect([pathname, hash]).toEqual(["/queue", ""]);
    const names = await cookies(page);
    expect(names).toContain("remotegpu_session");
    expect(names).not.toContain("remotegpu_login");
    expect(complaints).toEqual([]);
  });

  test("by an invitation's link opens the account of the invitation", async () => {
    const { url } = await asAdmin("/identity-invitations", {});
    const { page } = await scene.open(url.slice(scene.url.length));
    await expectText(page, "You are invited", '[role="status"]');
    expect(new URL(page.url()).hash).toBe("");

    await page.click(BUTTON);
    await logInThere(page, "invited-there");

    await page.waitForSelector("nav a[aria-current]");
  });

  test("of somebody unknown says in plain words what to do, in both languages", async () => {
    const { page } = await scene.open("/queue", undefined, "zh");
    await page.waitForSelector(BUTTON);
    await expectText(page, "使用 Example Accounts 登录", BUTTON);

    await page.click(BUTTON);
    await logInThere(page, "stranger-there");

    await expectText(page, "stranger-there", '[role="alert"]');
    await expectText(page, "请向管理员索取邀请", '[role="alert"]');
    expect(await cookies(page)).not.toContain("remotegpu_session");
  });

  test("says that the provider is away, and a key logs in all the same", async () => {
    const { api } = scene.control;
    const there = api.deps.signOn;
    const config = signOnConfig("http://127.0.0.1:1");
    api.deps.signOn = openSignOn(config, { operator: api.operator, log: quietLog });
    try {
      const { page } = await scene.open("/queue");
      await expectText(page, "Example Accounts does not answer at the moment", '[role="status"]');
      await page.type('input[name="key"]', api.admin.key);
      await page.keyboard.press("Enter");
      await page.waitForSelector("nav a[aria-current]");
      expect(await cookies(page)).toEqual(["remotegpu_session"]);
    } finally {
      api.deps.signOn = there;
    }
  });

  test("logging out leads to the provider, which ends its session, too", async () => {
    await asAdmin("/identities", { subject: "leaving-there" });
    const { page } = await scene.open("/queue");
    await page.waitForSelector(BUTTON);
    await page.click(BUTTON);
    await logInThere(page, "leaving-there");
    await page.waitForSelector("nav a[aria-current]");

    await page.click('button[aria-label^="Account"]');
    const item = await page.waitForSelector('[role="menuitem"]');
    await Promise.all([page.waitForNavigation(), item?.click()]);

    expect(new URL(page.url()).origin).toBe(provider.issuer);
    expect(await cookies(page)).not.toContain("remotegpu_session");
  });
});
