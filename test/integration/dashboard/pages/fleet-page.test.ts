/** The fleet's map in a browser: what it shows, what is done there, and what it does with names that wish it ill. */
import type { FleetMap } from "@remotegpu/control-plane/server/http/hosts/fleet-map";
import { GIB } from "@remotegpu/shared/values/units";
import type { KeyInput, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { expectSoundPage, expectText, pressButton, textOf } from "../../../support/dashboard/page-checks.ts";
import { tabTo } from "../../../support/dashboard/keyboard.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Caller } from "../../../support/http/api.ts";
import type { ScriptedHost } from "../../../support/worlds/control-scene.ts";

const HOSTILE = `<img src=x onerror="document.title='owned'"> \u202Eevil\u202C 🚀`;

let scene: DashboardScene;
let customer: Caller;
let north: ScriptedHost;

beforeAll(async () => {
  scene = await openDashboardScene();
  const { control } = scene;
  north = await control.host("north", { gpus: 4, cpu: 32, memoryGib: 64, gpuMemoryMib: 81_920 });
  await control.host("south", { gpus: 2, cpu: 8, memoryGib: 8 });
  const { db } = control.api;
  await db.query(`UPDATE hosts SET labels = '{"zone": "a"}', name = $1 WHERE id = 'south'`, [HOSTILE]);
  await db.query(
    "UPDATE gpus SET utilization_percent = 70, memory_used_mib = 40000, last_seen_at = now() WHERE gpu_index = 1",
  );
  customer = await control.customer("holder");
  await control.order(customer, { name: HOSTILE, gpu: 1, cpu: 1, memory: GIB });
  await control.schedule();
});
afterAll(() => scene.close());

const attribute = async (page: Page, selector: string, name: string) =>
  (await page.evaluate(
    `document.querySelector(${JSON.stringify(selector)})?.getAttribute(${JSON.stringify(name)}) ?? null`,
  )) as string | null;
const cell = (host: string, index: number) => `[data-place="${host}#${index}"]`;

describe.skipIf(!hasBrowser)("the fleet's page (left out where Chromium is not installed)", () => {
  test("shows the figures and a cell for each card, in both themes and languages", async () => {
    const { page, complaints } = await scene.open("/fleet", scene.control.api.admin);

    await page.waitForSelector(cell("north", 3));
    await expectText(page, "2 up");
    await expectText(page, "5 free");
    await expectText(page, "1 held, 0 cordoned, of 6");
    expect(await attribute(page, cell("south", 1), "aria-label")).toContain(HOSTILE);
    expect(await textOf(page, '[data-host="south"]')).toContain("<img src=x");
    expect(await page.title()).toBe("Fleet · RemoteGPU");
    await expectSoundPage(page, cell("north", 0));
    expect(complaints).toEqual([]);
  });

  test("an admin cordons a card by keyboard, and the map shows it", async () => {
    const { page } = await scene.open("/fleet", scene.control.api.admin);
    await page.waitForSelector(cell("north", 0));

    await page.focus(cell("north", 0));
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.waitForSelector(`${cell("north", 2)}:focus`);
    await page.keyboard.press("Enter");
    await page.waitForSelector('[role="dialog"] button:last-of-type');
    await expectText(page, north.gpus[2]?.uuid ?? "none", '[role="dialog"]');
    await page.waitForSelector('[role="dialog"] [data-definition*="nvidia-smi"]');
    await pressButton(page, "Cordon this card");

    await page.waitForSelector(`${cell("north", 2)}[data-cordoned]`);
    await expectText(page, "1 cordoned");
    await page.click(cell("north", 2));
    await pressButton(page, "Put it back in service");
    await page.waitForSelector(`${cell("north", 2)}:not([data-cordoned])`);
    expect(await attribute(page, cell("north", 2), "aria-label")).not.toContain("cordoned");
  });

  test("the map is one stop of Tab, and arrow keys lead to names, actions and cards of all rows", async () => {
    const { page } = await scene.open("/fleet", scene.control.api.admin);
    await page.waitForSelector(cell("south", 0));
    const stops = async () =>
      await page.$$eval(
        '.fleet-map [tabindex="0"], .fleet-map a:not([tabindex]), .fleet-map button:not([tabindex])',
        (all) => all.map((one) => one.getAttribute("data-place")),
      );
    const comesTo = async (key: KeyInput, place: string) => {
      await page.keyboard.press(key);
      await page.waitForSelector(`[data-place="${place}"]:focus`);
    };

    expect(await stops()).toEqual(["north#0"]);
    await page.focus(cell("north", 0));
    await comesTo("ArrowLeft", "north#actions");
    await comesTo("ArrowLeft", "north#name");
    await comesTo("ArrowDown", "south#name");
    expect(await stops()).toEqual(["south#name"]);
    await comesTo("ArrowRight", "south#actions");
    await page.keyboard.press("Tab");
    expect(await page.$(".fleet-map :focus")).toBeNull();
    await page.keyboard.down("Shift");
    await comesTo("Tab", "south#actions");
    await page.keyboard.up("Shift");
    await page.keyboard.press("Enter");
    await page.waitForSelector('[role="dialog"]');
  });

  test("where no host is heard, what is free is not known, and is no 0", async () => {
    const { page } = await scene.loggedIn(scene.control.api.admin);
    const { body } = await scene.control.api.request("GET", "/api/v1/fleet/map", {
      as: scene.control.api.admin,
    });
    const map = body as FleetMap;
    const totals = { ...map.totals, hosts_up: 0, hosts_suspect: 2, gpus_free: 0 };
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (!request.url().endsWith("/fleet/map")) return void request.continue();
      const answer = JSON.stringify({ ...map, totals });
      return void request.respond({ status: 200, contentType: "application/json", body: answer });
    });

    await page.goto(`${scene.url}/fleet`);

    await expectText(page, "2 not heard", 'section[aria-label="Hosts"]');
    await expectText(page, /not reported[^]*1 held/, 'section[aria-label="GPUs"]');
    await expectText(page, /not reported[^]*hosts that are not heard/, 'section[aria-label="Pending usage"]');
    expect(await textOf(page, "main")).not.toMatch(/\b0 (up|free|rows)\b/);
  });

  test("what is free now is found, and the filter is in the address", async () => {
    const { page } = await scene.open("/fleet?free=40", scene.control.api.admin);

    await expectText(page, /[34] cards on 1 hosts are free with so much/);
    expect(await page.$(cell("south", 0))).toBeNull();
    await page.select("select", "label:zone");
    await eventually(() => page.url().includes("group=label%3Azone"), { what: "the group in the address" });
    expect(page.url()).toContain("free=40");
  });

  test("who is hit by a drain is listed before it is done", async () => {
    const { page } = await scene.open("/fleet", scene.control.api.admin);
    const holder = "[data-hit] a";
    const { body } = await scene.control.api.request("GET", "/api/v1/fleet/map", {
      as: scene.control.api.admin,
    });
    const map = body as FleetMap;
    const hostId = map.hosts.find(({ gpus }) => gpus.some(({ holders }) => holders.length > 0))?.id ?? "none";
    await page.waitForSelector(`[data-host="${hostId}"] button`);

    await page.click(`[data-host="${hostId}"] button`);
    await pressButton(page, "Drain");
    await page.waitForSelector(holder);

    expect(await textOf(page, holder)).toBe(HOSTILE);
    await expectText(page, "What is still charged");
    await pressButton(page, "Cancel");
  });

  test("explains by keyboard what a figure means, and of when exactly it is", async () => {
    const { page } = await scene.open("/fleet", scene.control.api.admin);
    await page.waitForSelector(cell("north", 0));

    await tabTo(page, "Hosts");
    await expectText(page, "A cordoned host takes nothing new.", '[role="tooltip"]');
    await page.keyboard.press("Tab");
    await page.waitForSelector("time:focus");
    await expectText(page, /20\d\d/, '[role="tooltip"]');

    expect(await textOf(page, "time:focus")).toMatch(/now|sec/);
  });

  test("is not found by a customer", async () => {
    const { page } = await scene.open("/fleet", customer);

    await page.waitForSelector("[data-not-found]");

    expect(await page.$('nav a[href="/fleet"]')).toBeNull();
  });
});
