/** The map of ten thousand hosts in a browser: a page at a time, each of which says what it is a part of. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { pressOn, tabTo } from "../../../support/dashboard/keyboard.ts";
import { expectAccessible, expectText, textOf } from "../../../support/dashboard/page-checks.ts";

const HOSTS = 10_000;
const RACKS = 4;
/** A window's worth of rows, and those ahead of it. */
const MOST_ROWS = 60;
const LAST = `[data-host="many-${HOSTS}"]`;

let scene: DashboardScene;

beforeAll(async () => {
  scene = await openDashboardScene();
  const { db } = scene.control.api;
  const hosts = `SELECT n, 'many-' || lpad(n::text, 5, '0') AS id FROM generate_series(1, ${HOSTS}) n`;
  await db.query(
    `INSERT INTO hosts (id, name, ip_address, connection, cordoned, labels)
     SELECT id, id, '10.0.0.1', 'connected', n % 10 = 0, jsonb_build_object('rack', 'r' || n % ${RACKS}, 'zone', 'a')
       FROM (${hosts}) h`,
  );
  await db.query(
    `INSERT INTO gpus (host_id, gpu_index, uuid, name, memory_total, health_status)
     SELECT id, card, 'GPU-' || id || '-' || card, 'NVIDIA A100', CASE WHEN n > ${HOSTS - 5} THEN 85899345920 ELSE 17179869184 END, 'healthy'
       FROM (${hosts}) h, generate_series(0, 1) card`,
  );
  await db.query("ANALYZE hosts, gpus");
});
afterAll(() => scene.close());

const rowsDrawn = async (page: Page) => (await page.$$("[data-host]")).length;
const status = 'section[aria-label="Map"] [role="status"]';

async function open(path: string): Promise<Page> {
  const { page } = await scene.open(path, scene.control.api.admin);
  return page;
}

/** As it is of ten thousand, whichever page is looked at. */
async function expectWholeFleet(page: Page): Promise<void> {
  await expectText(page, "10000 up");
  await expectText(page, "1000 cordoned");
  await expectText(page, "18000 free");
  await expectText(page, "of 20000");
}

async function toEnd(page: Page): Promise<void> {
  await page.evaluate(
    `(() => { const map = document.querySelector(".fleet-map"); map.scrollTop = map.scrollHeight; })()`,
  );
}

describe.skipIf(!hasBrowser)("ten thousand hosts (left out where Chromium is not installed)", () => {
  test("are gone through page by page with the keyboard, to the last one, with the fleet's figures above", async () => {
    const page = await open("/fleet");
    await page.waitForSelector('[data-place="many-00001#1"]');
    await expectText(page, "Hosts 1 to 1,000 of 10,000", status);
    await expectWholeFleet(page);
    expect(await rowsDrawn(page)).toBeLessThanOrEqual(MOST_ROWS);
    await expectAccessible(page);
    await toEnd(page);
    await page.waitForSelector('[data-host="many-01000"]');

    await tabTo(page, "The next hosts");
    for (let nth = 1; nth < 10; nth += 1) {
      await page.keyboard.press("Enter");
      const from = (nth * 1_000 + 1).toLocaleString("en");
      await expectText(
        page,
        `Hosts ${from} to ${((nth + 1) * 1_000).toLocaleString("en")} of 10,000`,
        status,
      );
    }
    // Each page begins at its top.
    await page.waitForSelector('[data-host="many-09001"]');
    await toEnd(page);
    await page.waitForSelector(LAST);

    expect(await rowsDrawn(page)).toBeLessThanOrEqual(MOST_ROWS);
    await expectWholeFleet(page);
    await page.keyboard.press("Enter");
    await pressOn(page, "Those before");
    await expectText(page, "Hosts 8,001 to 9,000 of 10,000", status);
    await page.reload();
    await page.waitForSelector('[data-host="many-08001"]');
    await pressOn(page, "From the first host");
    await expectText(page, "Hosts 1 to 1,000 of 10,000", status);
    await expectWholeFleet(page);
    expect(page.url()).not.toContain("cursor");
  }, 240_000);

  test("are searched whole for what is free, and grouped by rack over all pages", async () => {
    const page = await open("/fleet?free=40");

    // The four last that are not cordoned.
    await expectText(page, "8 cards on 4 hosts are free with so much", status);
    await page.waitForSelector('[data-place="many-09999#1"]');
    expect(await rowsDrawn(page)).toBe(4);
    await expectWholeFleet(page);

    await page.goto(`${scene.url}/fleet`);
    await page.waitForSelector('[data-host="many-00001"]');
    expect(await textOf(page, "select")).toMatch(/nothing\s+model\s+rack\s+label zone/);
    await page.select("select", "label:rack");
    await expectText(page, "r0 (1000 of 2500 on this page)", ".fleet-map");
    await pressOn(page, "The next hosts");
    await expectText(page, "Hosts 1,001 to 2,000 of 10,000", status);
    await pressOn(page, "The next hosts");
    await expectText(page, "Hosts 2,001 to 3,000 of 10,000", status);
    await expectText(page, "r0 (500 of 2500 on this page)", ".fleet-map");

    await tabTo(page, "Host or label");
    await page.keyboard.type("RACK=R3");
    await expectText(page, "Hosts 1 to 1,000 of 2,500", status);
    await expectText(page, "r3 (1000 of 2500 on this page)", ".fleet-map");
    await tabTo(page, "Host or label");
    await page.keyboard.type(" nowhere");
    await expectText(page, "No host is like this.");
    await expectWholeFleet(page);
  }, 240_000);
});
