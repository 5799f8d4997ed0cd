/** What stands around every page: the way in by a link, the search, and tabs that share one stream. */
import type { BrowserContext, HTTPRequest, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../support/engines/chromium/browser.ts";
import {
  type DashboardScene,
  openDashboardScene,
  type OpenedPage,
} from "../../support/dashboard/dashboard-scene.ts";
import { expectText, type Language, textOf } from "../../support/dashboard/page-checks.ts";
import { HURRIED_POLLS, visibilityChange, WITHOUT_POLLS } from "../../support/dashboard/page-polls.ts";
import { eventually } from "../../support/eventually.ts";

let scene: DashboardScene;
let uuid: string;

beforeAll(async () => {
  scene = await openDashboardScene();
  const north = await scene.control.host("north", { gpus: 2 });
  uuid = north.gpus[0]?.uuid ?? "none";
});
afterAll(() => scene.close());

const isCordoned = '[data-place="north#0"][data-cordoned]';
const isOpen = '[data-place="north#0"]:not([data-cordoned])';

async function cordon(change: "cordon" | "uncordon"): Promise<void> {
  const { api } = scene.control;
  const { status } = await api.request("POST", `/api/v1/gpus/${uuid}/${change}`, { as: api.admin, body: {} });
  expect(status).toBe(200);
}

/** What the page asks the server for, as the browser does it. */
function requested(page: Page): { urls: string[]; streams: () => number } {
  const urls: string[] = [];
  page.on("request", (request) => urls.push(request.url()));
  return { urls, streams: () => urls.filter((url) => url.includes("/api/v1/stream?")).length };
}

describe.skipIf(!hasBrowser)("a link with a ticket (left out where Chromium is not installed)", () => {
  test("logs one browser in, once, and stands in no history", async () => {
    const { api } = scene.control;
    const { body } = await api.request("POST", "/api/v1/session-tickets", { as: api.admin, body: {} });
    const link = `/#ticket=${body.ticket}`;

    const first = await scene.open(link);
    await first.page.waitForSelector("nav a[aria-current]");
    expect(first.page.url()).not.toContain("ticket");
    const second = await scene.open(link);
    await second.page.waitForSelector('[role="alert"]');

    expect(await second.page.$("nav a")).toBeNull();
    expect(first.complaints).toEqual([]);
  });
});

/** By its keys, beside the page of alarms. */
async function openSearch(language: Language = "en"): Promise<Page> {
  const { page } = await scene.open("/alarms", scene.control.api.admin, language);
  await page.waitForSelector("nav a[aria-current]");
  await page.keyboard.down("Control");
  await page.keyboard.press("k");
  await page.keyboard.up("Control");
  await page.waitForFunction('document.activeElement?.getAttribute("role") === "combobox"');
  return page;
}

describe.skipIf(!hasBrowser)("theme and language", () => {
  test("are chosen in the account's menu, at once and for the next time the page is loaded", async () => {
    const { page } = await scene.open("/alarms", scene.control.api.admin);
    const dark = 'html[data-mantine-color-scheme="dark"]';
    await page.waitForSelector("nav a[aria-current]");

    await page.click('button[aria-label^="Account"]');
    await (await page.waitForSelector('[role="menu"] label[for$="-dark"]'))?.click();
    await page.waitForSelector(`${dark}[lang="en"]`);
    await (await page.waitForSelector('[role="menu"] label[for$="-zh"]'))?.click();
    await page.waitForSelector(`${dark}[lang="zh-CN"]`);
    await expectText(page, "告警", "h1");

    await page.reload();
    await page.waitForSelector(`${dark}[lang="zh-CN"]`);
    await expectText(page, "告警", "h1");
    expect(await page.$('[role="menu"]')).toBeNull();
  });
});

describe.skipIf(!hasBrowser)("the search", () => {
  test("is opened, queried and followed by keyboard alone", async () => {
    const page = await openSearch();
    await page.keyboard.type("nort");
    await page.waitForSelector('#search-choice-0[aria-selected="true"]');
    await expectText(page, "north", "#search-choice-0");
    await page.keyboard.press("Enter");

    await page.waitForFunction('location.pathname === "/hosts/north"');
    await expectText(page, "north", "h1");
    await page.waitForSelector('[role="combobox"]', { hidden: true });
    expect(await textOf(page, "h1")).toContain("north");
  });

  test("goes on from choice to choice, and is left by Escape as it was", async () => {
    const page = await openSearch();

    // A page of that title comes first.
    await page.keyboard.type("e");
    await page.waitForSelector("#search-choice-1");
    await page.keyboard.press("ArrowDown");
    await page.waitForSelector('#search-choice-1[aria-selected="true"]');
    await page.keyboard.press("ArrowUp");
    await page.waitForSelector('#search-choice-0[aria-selected="true"]');
    await page.keyboard.press("Escape");
    await page.waitForSelector('[role="combobox"]', { hidden: true });

    expect(new URL(page.url()).pathname).toBe("/alarms");
  });
});

describe.skipIf(!hasBrowser)("the search, in Chinese", () => {
  test("names of what kind each thing is, and closes by a button of that name", async () => {
    const { control } = scene;
    const { admin, db } = control.api;
    await db.query(
      `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status, created_at)
       VALUES ('job-findable', $1, 1, 'findable-job', 'busybox:1', 'true', 'completed', now())`,
      [admin.customerId],
    );
    await db.query(
      "INSERT INTO datasets (customer_id, name, storage_path, status) VALUES ($1, 'findable-data', 'd/1', 'ready')",
      [admin.customerId],
    );
    await control.order(await control.customer("found"), { name: "findable-env" });
    const page = await openSearch("zh");

    await page.keyboard.type("findable");

    const found = "#search-choices";
    await expectText(page, /findable-job\s*训练任务/, found);
    await expectText(page, /findable-env\s*环境/, found);
    await expectText(page, /findable-data\s*数据集/, found);
    expect(await page.$('[role="dialog"] button[aria-label="关闭"]')).not.toBeNull();
  });

  test("reports that it searches, and what went wrong, and not that there is nothing", async () => {
    const page = await openSearch("zh");
    let answer: (() => void) | undefined;
    await page.setRequestInterception(true);
    page.on("request", (request: HTTPRequest) => {
      if (!request.url().includes("/api/v1/search?")) return void request.continue();
      answer = () =>
        void request.respond({
          status: 500,
          contentType: "text/html",
          body: "<h1>out of order</h1>",
        });
    });

    await page.keyboard.type("nort");
    await expectText(page, "正在查找", '[role="dialog"]');
    await eventually(() => answer !== undefined, { what: "a question" });
    answer?.();
    await expectText(page, "服务器返回 500", '[role="dialog"] [role="alert"]');

    expect(await textOf(page, '[role="dialog"]')).not.toContain("没有名称");
  });
});

/** Also behind others, and whichever comes to the front. */
const ALWAYS_CHECKED = `${visibilityChange("visible")};
  addEventListener("visibilitychange", (event) => event.stopImmediatePropagation(), true)`;

/** More tabs beside one of a browser. */
async function openTabs(browser: BrowserContext, count: number): Promise<Page[]> {
  const tabs: Page[] = [];
  for (let nth = 0; nth < count; nth += 1) {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(60_000);
    tabs.push(tab);
  }
  return tabs;
}

/** Of the owner: it would poll often, if it did. */
async function hurried(): Promise<OpenedPage> {
  const opened = await scene.loggedIn(scene.control.api.admin);
  await opened.page.evaluateOnNewDocument(HURRIED_POLLS);
  return opened;
}

describe.skipIf(!hasBrowser)("tabs of one browser", () => {
  // What is behind another tab draws nothing; it is the last that shows what all of them ask for.
  test("share one stream, eight of them, and another leads once the first is closed", async () => {
    const { page: first } = await scene.loggedIn(scene.control.api.admin);
    const tabs = [first, ...(await openTabs(first.browserContext(), 7))].map((page) => ({
      page,
      ...requested(page),
    }));
    for (const { page } of tabs) {
      // Each is looked at, as windows beside each other are.
      await page.evaluateOnNewDocument(ALWAYS_CHECKED);
      await page.evaluateOnNewDocument(WITHOUT_POLLS);
      await page.bringToFront();
      await page.goto(`${scene.url}/fleet`);
      await page.waitForSelector(isOpen);
    }
    const leaders = () => tabs.filter(({ streams }) => streams() > 0).map(({ page }) => page);
    await eventually(() => leaders().length > 0, { what: "a stream" });
    const requestMap = async (among: typeof tabs, change: "cordon" | "uncordon") => {
      const before = among.map(({ urls }) => urls.length);
      await cordon(change);
      const hasRequested = ({ urls }: (typeof tabs)[number], nth: number) =>
        urls.slice(before[nth]).some((url) => url.endsWith("/fleet/map"));
      await eventually(() => among.every(hasRequested), { what: "all tabs to ask" });
    };

    await requestMap(tabs, "cordon");
    expect(leaders()).toEqual([first]);
    await first.close();
    await eventually(() => leaders().length === 2, { what: "another tab that leads" });
    const others = tabs.slice(1);
    // It asks for all that is shown when it begins; only then is the rest the stream's.
    await others.at(-1)?.page.waitForSelector(isCordoned);
    await requestMap(others, "uncordon");
    await others.at(-1)?.page.waitForSelector(isOpen);

    expect(leaders()).toHaveLength(2);
  }, 180_000);

  test("that are hidden request nothing, and all that changed once they are visible", async () => {
    const [{ page }, { page: watching }] = [await hurried(), await hurried()];
    const opened = page.waitForResponse((answer) => answer.url().includes("/api/v1/stream?") && answer.ok());
    await page.goto(`${scene.url}/fleet`);
    await opened;
    await page.waitForSelector(isOpen);
    await watching.goto(`${scene.url}/fleet`);
    await watching.waitForSelector(isOpen);
    await page.evaluate(visibilityChange("hidden"));
    const { urls } = requested(page);

    await cordon("cordon");
    await watching.waitForSelector(isCordoned);
    // The other one polls some times meanwhile whether all is well.
    const { urls: others } = requested(watching);
    await eventually(() => others.filter((url) => url.endsWith("/readyz")).length >= 6, {
      what: "questions of a page that is looked at",
    });
    expect([urls, await page.$(isCordoned)]).toEqual([[], null]);

    const streaming = page.waitForResponse(
      (answer) => answer.url().includes("/api/v1/stream?") && answer.ok(),
    );
    await page.evaluate(visibilityChange("visible"));
    await page.waitForSelector(isCordoned);
    await streaming;
    await cordon("uncordon");
    await page.waitForSelector(isOpen);
  }, 120_000);

  test("are notified of what they may see though another requests more, and request the rest themselves", async () => {
    const { control } = scene;
    const { db } = control.api;
    const [ada, eve] = [await control.customer("ada"), await control.customer("eve")];
    await db.query(
      `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory, gpu)
       SELECT id, customer, workspace, id || ' of old', 'busybox', 'stopped', 1, 1073741824, 0
         FROM (VALUES ('env-1', $1::int, $2::int), ('env-12', $3::int, $4::int)) AS e (id, customer, workspace)`,
      [ada.customerId, ada.workspaceId, eve.customerId, eve.workspaceId],
    );
    const { page: own } = await scene.loggedIn(ada);
    const [others] = await openTabs(own.browserContext(), 1);
    if (others === undefined) throw new Error("another tab was wanted");
    await own.evaluateOnNewDocument(ALWAYS_CHECKED);
    await own.evaluateOnNewDocument(WITHOUT_POLLS);
    await others.evaluateOnNewDocument(ALWAYS_CHECKED);
    await others.evaluateOnNewDocument(HURRIED_POLLS);
    await own.bringToFront();
    await own.goto(`${scene.url}/environments/env-1`);
    await expectText(own, "env-1 of old", "h1");
    const refused = own.waitForResponse(
      (answer) => answer.url().includes("env-12") && answer.status() === 403,
    );
    await others.bringToFront();
    await others.goto(`${scene.url}/environments/env-12`);
    await others.waitForSelector("[data-not-found]");
    await refused;
    await own.waitForResponse((answer) => answer.url().includes("/api/v1/stream?") && answer.ok());

    // What is asked for once the stream goes on, and again by itself.
    for (let nth = 0; nth < 3; nth += 1)
      await others.waitForResponse((answer) => answer.url().endsWith("/environments/env-12"));
    await db.query("UPDATE environments SET customer_id = $1, workspace_id = $2 WHERE id = 'env-12'", [
      ada.customerId,
      ada.workspaceId,
    ]);
    await expectText(others, "env-12 of old", "h1");
    await own.bringToFront();
    const renamed = { as: ada, body: { name: "renamed" } };
    expect((await control.api.request("PATCH", "/api/v1/environments/env-1", renamed)).status).toBe(200);
    await expectText(own, "renamed", "h1");
  }, 120_000);
});
