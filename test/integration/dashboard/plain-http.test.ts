/**
 * The dashboard on plain HTTP under a name that is not this machine's own, which no browser trusts: without locks, clipboard
 * and `crypto.subtle`. The browser's proxy leads every name here (`support/engines/chromium/loopback-proxy.ts`).
 */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser, openPage } from "../../support/engines/chromium/browser.ts";
import {
  complaintsOf,
  type DashboardScene,
  logIn,
  openDashboardScene,
} from "../../support/dashboard/dashboard-scene.ts";
import { openDialog, pressOn, tabTo, typeInto } from "../../support/dashboard/keyboard.ts";
import { expectText, textOf } from "../../support/dashboard/page-checks.ts";
import { HURRIED_POLLS } from "../../support/dashboard/page-polls.ts";

const LINE = "curl -fsS http://dashboard.test";

let scene: DashboardScene;
let uuid: string;
let url: string;

beforeAll(async () => {
  scene = await openDashboardScene();
  const north = await scene.control.host("north", { gpus: 1 });
  uuid = north.gpus[0]?.uuid ?? "none";
  url = `http://dashboard.test:${new URL(scene.url).port}`;
});
afterAll(() => scene.close());

async function open(path: string): Promise<{ page: Page; complaints: string[]; urls: string[] }> {
  const page = await openPage();
  await page.evaluateOnNewDocument(HURRIED_POLLS);
  const complaints = complaintsOf(page);
  await logIn(page, url, scene.control.api.admin);
  const urls: string[] = [];
  page.on("request", (request) => urls.push(request.url()));
  await page.goto(url + path);
  return { page, complaints, urls };
}

/** What somebody who pastes gets. */
async function pasted(page: Page): Promise<string> {
  await page.evaluate(
    `document.body.prepend(Object.assign(document.createElement("textarea"), { id: "paste" }))`,
  );
  await page.focus("#paste");
  await page.keyboard.press("KeyV", { commands: ["Paste"] });
  const text = String(await page.evaluate(`document.querySelector("#paste").value`));
  await page.evaluate(`document.querySelector("#paste").remove()`);
  return text;
}

describe.skipIf(!hasBrowser)("plain HTTP under a name (left out where Chromium is not installed)", () => {
  test("is trusted by no browser, and the page polls, by a session of its own", async () => {
    const { api } = scene.control;
    const { page, complaints, urls } = await open("/fleet");
    await page.waitForSelector('[data-place="north#0"]:not([data-cordoned])');

    await api.request("POST", `/api/v1/gpus/${uuid}/cordon`, { as: api.admin, body: {} });
    await page.waitForSelector('[data-place="north#0"][data-cordoned]');

    expect(
      await page.evaluate(
        "[isSecureContext, 'locks' in navigator, 'clipboard' in navigator, 'subtle' in crypto]",
      ),
    ).toEqual([false, false, false, false]);
    expect(urls.filter((one) => one.includes("/api/v1/stream?"))).toEqual([]);
    expect(complaints).toEqual([]);
  }, 120_000);

  test("copies all the same, and whoever pressed by keyboard stays where they were", async () => {
    const { page, complaints } = await open("/hosts/north");
    await expectText(page, LINE);

    await pressOn(page, "Copy");
    await page.waitForFunction("document.activeElement.innerText === 'Copied'");

    expect(await pasted(page)).toContain(LINE);
    expect(complaints).toEqual([]);
  });

  test("copies a secret within a dialog, which is displayed once", async () => {
    const { page } = await open("/keys");
    await openDialog(page, "Make an API key");
    await typeInto(page, "Name", "laptop");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-secret]");
    const secret = await textOf(page, "[data-secret]");

    await tabTo(page, "Copy");
    await page.keyboard.press("Enter");
    await page.waitForFunction("document.activeElement.innerText === 'Copied'");

    expect(secret.length).toBeGreaterThan(10);
    await page.keyboard.press("Escape");
    expect(await pasted(page)).toBe(secret);
  });

  test("reports where the browser does not let it copy", async () => {
    const { page } = await open("/hosts/north");
    await expectText(page, LINE);
    await page.evaluate("document.execCommand = () => false");

    await pressOn(page, "Copy");

    await page.waitForFunction("document.activeElement.innerText === 'Copy it by hand'");
    expect(await page.$("body > textarea")).toBeNull();
  });
});
