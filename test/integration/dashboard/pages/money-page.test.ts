/** The owner's page of money, in a browser without a window. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone, openDialog, pressOn, tabTo, typeInto } from "../../../support/dashboard/keyboard.ts";
import { expectSoundPage, expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Caller } from "../../../support/http/api.ts";

const HOSTILE = '<img src=x onerror="document.body.remove()">\u202e🦄';
const AMOUNT = "Amount in points";
const BALANCE = 'section[aria-label="Balance"]';

let scene: DashboardScene;

beforeAll(async () => {
  scene = await openDashboardScene();
});
afterAll(() => scene.close());

describe.skipIf(!hasBrowser)("the owner's money (left out where Chromium is not installed)", () => {
  test("is topped up by keyboard, and a refusal is displayed at its field", async () => {
    const ann = await scene.control.customer("ann", "100");
    const { page, complaints } = await openCustomer(ann);
    await expectText(page, "100.00", BALANCE);

    await openDialog(page, "Top up");
    await typeInto(page, AMOUNT, "-5");
    await page.keyboard.press("Enter");
    await expectText(page, /must be above zero/, '[role="dialog"]');
    expect(await page.$('[role="dialog"] input[name="amount"][aria-invalid="true"]')).not.toBeNull();
    await retype(page, "12.5");
    await page.keyboard.press("Enter");

    await dialogGone(page);
    await expectText(page, "112.50", BALANCE);
    await expectText(page, "12.50", 'section[aria-label="Payments"] tbody');
    expect(complaints).toEqual([]);
  });

  test("is not paid twice where the answer to a top-up did not come", async () => {
    const bob = await scene.control.customer("bob", "10");
    const { page } = await openCustomer(bob);
    await page.evaluate(LOSES_THE_FIRST_ANSWER);

    await openDialog(page, "Top up");
    await typeInto(page, AMOUNT, "7");
    await page.keyboard.press("Enter");
    await expectText(page, /does not answer/, '[role="dialog"]');
    await page.keyboard.press("Enter");

    await dialogGone(page);
    await expectText(page, "17.00", BALANCE);
    expect(await balanceOf(bob)).toBe("17.0000");
  });

  test("is taken away with a reason, and a run of nobody's is not given back", async () => {
    const cleo = await scene.control.customer("cleo", "50");
    const { page } = await openCustomer(cleo);
    await expectText(page, "50.00", BALANCE);

    await openDialog(page, "Refund a run");
    await typeInto(page, "Run", "run-of-nobody");
    await typeInto(page, AMOUNT, "1");
    await page.keyboard.press("Enter");
    await expectText(page, "is not a run of this customer", '[role="dialog"]');
    await page.keyboard.press("Escape");
    await dialogGone(page);
    await openDialog(page, "Adjust");
    await typeInto(page, AMOUNT, "-20");
    await typeInto(page, "Reason", HOSTILE.replace("\u202e", ""));
    await page.keyboard.press("Enter");

    await dialogGone(page);
    await expectText(page, "30.00", BALANCE);
    await expectText(page, "<img src=x", 'section[aria-label="Payments"] tbody');
    expect(await balanceOf(cleo)).toBe("30.0000");
  });

  test("shows names of any kind as text, finds them by a part, and the page keeps to its rules", async () => {
    const dora = await scene.control.customer("dora", "3");
    const { db, admin } = scene.control.api;
    await db.query("UPDATE customers SET display_name = $1 WHERE id = $2", [HOSTILE, dora.customerId]);
    const { page, complaints } = await scene.open("/money", admin);

    await expectText(page, HOSTILE, 'section[aria-label="Customers"]');
    await typeInto(page, "Part of the name", "dor");
    await eventually(() => new URL(page.url()).searchParams.get("q") === "dor", {
      what: "what is looked for",
    });
    await expectText(page, /^((?!bob)[\s\S])*dora((?!bob)[\s\S])*$/, 'section[aria-label="Customers"]');
    await pressOn(page, "dora");
    await expectText(page, HOSTILE, 'section[aria-label="Customer dora"]');
    await page.waitForSelector(`${BALANCE} time`);
    await expectSoundPage(page, 'section[aria-label$="dora"]');
    expect(complaints).toEqual([]);
  });

  test("has a price previewed before it is set, and states what is wrong with one", async () => {
    const { admin } = scene.control.api;
    const { page, complaints } = await scene.open("/money", admin);
    await page.waitForSelector('input[name="spec"]');

    await typeInto(page, "Spec", "looked-at");
    await typeInto(page, "Line", "gpus");
    await typeInto(page, "Points", "2.5");
    await page.keyboard.press("Enter");
    await page.waitForSelector('input[name="line"][aria-invalid="true"]');
    await page.focus('input[name="line"]');
    await page.keyboard.press("Backspace");
    await page.keyboard.press("Enter");
    await expectText(page, /It would not be taken/, "[data-preview]");
    await tabTo(page, "Make the spec, where it is not there");
    await page.keyboard.press("Space");
    await pressOn(page, "Show what it changes");
    await expectText(page, "gpu of looked-at has had no price until then.", "[data-preview]");
    expect(await pricesOf("looked-at")).toEqual([]);
    await openDialog(page, "Set this price");
    await expectText(page, "keeps the price that it began with", '[role="dialog"]');
    await pressOn(page, "Set this price");
    await dialogGone(page);

    expect(await pricesOf("looked-at")).toEqual([
      expect.objectContaining({ line: "gpu", unit_price: "2.500000", billing_unit: "hour" }),
    ]);
    await expectText(page, "looked-at", 'section[aria-label="Prices"] tbody');
    await typeInto(page, "Points", "3");
    await page.keyboard.press("Enter");
    await expectText(page, "It follows 2.50 per hour for gpu of looked-at.", "[data-preview]");
    expect(complaints).toEqual([]);
  });

  test("shows time without charge, refused usage and the books, and that the books agree", async () => {
    const { page, complaints } = await scene.open("/money", scene.control.api.admin);

    for (const panel of ["Not charged yet", "Without a price", "Not charged", "Refused usage"])
      await expectText(page, /Nothing here|shown/, `section[aria-label="${panel}"]`);
    await expectText(page, /0\.00/, 'section[aria-label="Total of all entries"]');
    await expectText(page, /\b0\b/, 'section[aria-label="Customers apart"]');
    await page.waitForSelector('section[aria-label="Total of all entries"] time');
    await expectSoundPage(page, "section[aria-label] table");
    expect(complaints).toEqual([]);
  });

  test("is not found by a customer", async () => {
    const eve = await scene.control.customer("eve", "1");
    const { page } = await scene.open(`/money?customer=${eve.customerId}`, eve);

    await page.waitForSelector("[data-not-found]");
    expect(await textOf(page)).not.toContain("Top up");
  });
});

/** Stands once the balance is there: before, Tab comes to nothing of the page. */
async function openCustomer({ customerId }: Caller) {
  const opened = await scene.open(`/money?customer=${customerId}`, scene.control.api.admin);
  await opened.page.waitForSelector(BALANCE);
  return opened;
}

/** Over what stands in the field that has the focus. */
async function retype(page: Page, text: string): Promise<void> {
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(text);
}

async function balanceOf({ customerId }: Caller): Promise<string | null> {
  const { api } = scene.control;
  return (await api.request("GET", `/api/v1/customers/${customerId}`, { as: api.admin })).body.balance;
}

async function pricesOf(spec: string): Promise<object[]> {
  const { api } = scene.control;
  return (await api.request("GET", `/api/v1/prices?spec=${spec}`, { as: api.admin })).body.items;
}

/** The server has done it, and the network breaks before it says so. */
const LOSES_THE_FIRST_ANSWER = `(() => {
  const real = globalThis.fetch;
  globalThis.fetch = async (...asked) => {
    const answer = await real(...asked);
    if (!String(asked[0]).endsWith("/top-ups")) return answer;
    globalThis.fetch = real;
    throw new TypeError("network");
  };
})()`;
