/** A page that stays open: what others do appears, and what is away is said while what was known stays. */
import { setTimeout as delay } from "node:timers/promises";
import type { FleetMap } from "@remotegpu/control-plane/server/http/hosts/fleet-map";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasBrowser } from "../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../support/dashboard/dashboard-scene.ts";
import { expectAccessible, expectText, textOf } from "../../support/dashboard/page-checks.ts";
import { HURRIED_POLLS, visibilityChange, WITHOUT_POLLS } from "../../support/dashboard/page-polls.ts";
import { eventually } from "../../support/eventually.ts";
import type { ScriptedHost } from "../../support/worlds/control-scene.ts";

const LOST_AFTER_MS = 1_000;
/** Longer than from one change to the next. */
const SLOW_MS = 4_000;

let scene: DashboardScene;
let north: ScriptedHost;

beforeAll(async () => {
  scene = await openDashboardScene();
  north = await scene.control.host("north", { gpus: 2 });
});
afterAll(() => scene.close());

const PRESS_FLEET = `[...document.querySelectorAll("nav a")].find((one) => one.getAttribute("href") === "/fleet").click()`;
const cordoned = '[data-place="north#0"][data-cordoned]';
/** Which cells were ever shown as old. */
const NOTE_OLD_CELLS = `globalThis.oldCells = new Set();
  new MutationObserver(() => {
    for (const cell of document.querySelectorAll("[data-old]")) globalThis.oldCells.add(cell.dataset.place);
  }).observe(document, { subtree: true, childList: true, attributes: true })`;

describe.skipIf(!hasBrowser)("a page that stays open (left out where Chromium is not installed)", () => {
  test("shows what others do, by the stream, and by no poll beside it", async () => {
    const { api } = scene.control;
    const { page } = await scene.loggedIn(api.admin);
    await page.evaluateOnNewDocument(WITHOUT_POLLS);
    const streaming = page.waitForResponse(
      (answer) => answer.url().includes("/api/v1/stream") && answer.ok(),
    );
    await page.goto(`${scene.url}/`);
    await streaming;
    await page.waitForSelector('[data-place="north#0"]');
    const { body } = await api.request("GET", "/api/v1/fleet/map", { as: api.admin });
    const uuid = (body as FleetMap).hosts[0]?.gpus[0]?.uuid ?? "none";

    await api.request("POST", `/api/v1/gpus/${uuid}/cordon`, { as: api.admin, body: {} });
    await page.waitForSelector(cordoned);
    await api.request("POST", `/api/v1/gpus/${uuid}/uncordon`, { as: api.admin, body: {} });
    await page.waitForSelector('[data-place="north#0"]:not([data-cordoned])');

    expect(await page.$(cordoned)).toBeNull();
  });

  test("shows as fresh what is unchanged, and figures of which no change is reported, while readings come", async () => {
    const { api } = scene.control;
    const noted = (index: number, change: string) =>
      api.db.query(`UPDATE gpus SET ${change} WHERE host_id = 'north' AND gpu_index = $1`, [index]);
    // As of a card that said the same in every heartbeat since.
    await noted(0, "last_seen_at = now() - interval '45 seconds'");
    await north.beatAgain();
    const { page } = await scene.loggedIn(api.admin);
    await page.evaluateOnNewDocument(NOTE_OLD_CELLS);
    const streaming = page.waitForRequest((request) => request.url().includes("/api/v1/stream?"));
    await page.goto(`${scene.url}/fleet`);
    await expectText(page, "All is taken in");
    const topics = new URL((await streaming).url()).searchParams.get("topics")?.split(",");
    const reading = setInterval(
      () =>
        void noted(
          1,
          "utilization_percent = 60 + extract(second FROM now())::int % 20, last_seen_at = now()",
        ),
      LOST_AFTER_MS,
    );
    onTestFinished(() => clearInterval(reading));
    await page.waitForSelector('[data-place="north#1"][data-step="4"]');

    await north.heartbeat({
      journal: { id: north.journalId, headSeq: 7, headHash: "0".repeat(64), watermarkSeen: 0 },
    });

    await expectText(page, "7 rows");
    expect(topics).toEqual(expect.arrayContaining(["alarms", "fleet", "gpu", "queue"]));
    expect(await page.evaluate("[...globalThis.oldCells]")).toEqual([]);
  });

  test("reports that NATS is away, and goes on showing what it knew", async () => {
    const { link } = scene.control.api.deps;
    const { page } = await scene.openHurried("/fleet", scene.control.api.admin);
    await expectText(page, "1 up");
    const well = link.degraded.bind(link);
    onTestFinished(() => void (link.degraded = well));

    link.degraded = () => [{ what: "nats", why: { code: "nats-away", params: {} } }];
    await page.waitForSelector("[data-banner]");
    await expectText(page, "NATS does not answer", "[data-banner]");
    await expectAccessible(page);
    expect(await textOf(page)).toContain("1 up");

    link.degraded = well;
    await page.waitForSelector("[data-banner]", { hidden: true });
  });

  test("states since when the server does not answer, and nothing turns to 0", async () => {
    const { page } = await scene.openHurried("/fleet", scene.control.api.admin);
    await expectText(page, "1 up");

    await page.setOfflineMode(true);
    await page.waitForSelector("[data-banner]");
    await expectText(page, "has not answered since", "[data-banner]");
    expect(await textOf(page)).toContain("1 up");

    await page.setOfflineMode(false);
    await page.waitForSelector("[data-banner]", { hidden: true });
  });

  test("of which a part is refused when it is requested again shows it as it was, and reports so", async () => {
    const { page } = await scene.loggedIn(scene.control.api.admin);
    await page.evaluateOnNewDocument(HURRIED_POLLS);
    await page.setRequestInterception(true);
    let isRefused = false;
    page.on("request", (request) => {
      if (!isRefused || !request.url().includes("/api/v1/fleet/map")) return void request.continue();
      const body = JSON.stringify({ status: 500, detail: "This is our fault." });
      return void request.respond({ status: 500, contentType: "application/problem+json", body });
    });
    await page.goto(`${scene.url}/fleet`);
    await page.waitForSelector('[data-place="north#0"]');

    isRefused = true;
    await expectText(page, /could not be read anew: This is our fault. · This page is from/, "main");
    expect(await page.$('[data-place="north#0"]')).not.toBeNull();
    await expectAccessible(page);

    isRefused = false;
    await page.waitForSelector("[data-not-anew]", { hidden: true });
  });

  test("of somebody who may see less is another at once", async () => {
    const { api } = scene.control;
    const helper = await scene.control.customer("helper");
    const becomes = (type: string) =>
      api.db.query("UPDATE customers SET user_type = $2 WHERE id = $1", [helper.customerId, type]);
    await becomes("admin");
    const { page } = await scene.loggedIn(helper);
    await page.evaluateOnNewDocument(WITHOUT_POLLS);
    const streaming = page.waitForResponse(
      (answer) => /api.v1.stream.*fleet/.test(answer.url()) && answer.ok(),
    );
    await page.goto(`${scene.url}/fleet`);
    await page.waitForSelector('[data-place="north#0"]');
    await streaming;

    await becomes("external");

    await page.waitForSelector("[data-not-found]");
    expect(await page.$('nav a[href="/fleet"]')).toBeNull();
  });

  test("polls while no stream is to be had, not while it is hidden, and no more once there is one", async () => {
    const { page } = await scene.loggedIn(scene.control.api.admin);
    await page.evaluateOnNewDocument(HURRIED_POLLS);
    await page.setRequestInterception(true);
    let isBroken = true;
    const requested = { alarms: 0, streams: 0, health: 0 };
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname === "/api/v1/alarms") requested.alarms += 1;
      if (pathname === "/readyz") requested.health += 1;
      if (pathname !== "/api/v1/stream") return void request.continue();
      requested.streams += 1;
      if (isBroken) return void request.abort("connectionrefused");
      return void request.continue();
    });
    const raise = (subject: string) =>
      scene.control.api.db.query("INSERT INTO alarms (kind, subject, detail) VALUES ('shown', $1, '')", [
        subject,
      ]);
    const more = async (what: keyof typeof requested, count: number) => {
      const until = requested[what] + count;
      await eventually(() => requested[what] >= until, { what: `${what} asked for ${count} times more` });
    };
    await page.goto(`${scene.url}/alarms`);
    await page.waitForSelector("h1");

    await more("alarms", 2);
    await raise("told by a poll");
    await expectText(page, "told by a poll", "tbody");
    await page.evaluate(visibilityChange("hidden"));
    // The browser reports a request on another way than the answer of a script: what was sent before arrives meanwhile.
    await delay(LOST_AFTER_MS);
    const unseen = { ...requested };
    await delay(3 * LOST_AFTER_MS);
    expect(requested).toEqual(unseen);
    await page.evaluate(visibilityChange("visible"));
    await more("alarms", 2);
    await more("streams", 1);

    isBroken = false;
    await page.waitForResponse((answer) => answer.url().includes("/api/v1/stream?") && answer.ok());
    const requestsNoAlarms = async () => {
      const { alarms } = requested;
      await more("health", 6);
      return requested.alarms === alarms;
    };
    // It asks once more as the stream begins.
    await eventually(requestsNoAlarms, { what: "polls of alarms end once there is a stream" });
    await raise("told by the stream");
    await expectText(page, "told by the stream", "tbody");
  }, 120_000);

  test("shows what has changed though it changes more often than the server answers", async () => {
    const { api } = scene.control;
    const { page } = await scene.loggedIn(api.admin);
    await page.evaluateOnNewDocument(WITHOUT_POLLS);
    const streaming = page.waitForResponse(
      (answer) => answer.url().includes("/api/v1/stream") && answer.ok(),
    );
    await page.goto(`${scene.url}/fleet`);
    await page.waitForSelector('[data-place="north#0"]:not([data-cordoned])');
    await streaming;
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (!request.url().includes("/api/v1/fleet/map")) return void request.continue();
      return void delay(SLOW_MS).then(() => request.continue());
    });
    let isCordoned = false;
    const changing = setInterval(() => {
      isCordoned = !isCordoned;
      const change = isCordoned ? "cordon" : "uncordon";
      void api.request("POST", `/api/v1/gpus/${north.gpus[1]?.uuid}/${change}`, { as: api.admin, body: {} });
    }, LOST_AFTER_MS);
    onTestFinished(() => clearInterval(changing));

    const path = `/api/v1/gpus/${north.gpus[0]?.uuid}`;
    await api.request("POST", `${path}/cordon`, { as: api.admin, body: {} });
    await page.waitForSelector(cordoned);
    await api.request("POST", `${path}/uncordon`, { as: api.admin, body: {} });
    await page.waitForSelector('[data-place="north#0"]:not([data-cordoned])');

    expect(await page.$(cordoned)).toBeNull();
  }, 120_000);

  test("requests again what could not be requested, though the stream reports no change", async () => {
    const { page } = await scene.open("/alarms", scene.control.api.admin);
    await page.waitForResponse((answer) => answer.url().includes("/api/v1/stream") && answer.ok());
    await page.setRequestInterception(true);
    let isLost = false;
    const followed = page.waitForRequest((request) => /stream\?.*fleet/.test(request.url()));
    page.on("request", (request) => {
      const isFirst = !isLost && request.url().includes("/api/v1/fleet/map");
      if (!isFirst) return void request.continue();
      isLost = true;
      // Lost once the stream follows what it asks for.
      return void followed.then(() => delay(LOST_AFTER_MS)).then(() => request.abort("connectionreset"));
    });

    await page.evaluate(PRESS_FLEET);

    await expectText(page, "1 up");
    expect(isLost).toBe(true);
  });

  test.each([
    ["to one who comes", "before"],
    ["to one who is there", "after"],
  ])("that lost one of its files in transit %s is loaded again", async (_who, when) => {
    const { page } = await scene.open("/alarms", scene.control.api.admin);
    await page.waitForSelector("h1");
    await page.setRequestInterception(true);
    const lost = new Set<string>();
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      const isOne = /^\/assets\/(?!index-|preload-helper-).*\.js$/.test(pathname);
      if (lost.size > 0 || !isOne) return void request.continue();
      lost.add(pathname);
      return void request.abort("connectionreset");
    });

    if (when === "before") await page.goto(`${scene.url}/fleet`);
    else await page.evaluate(PRESS_FLEET);

    await expectText(page, "1 up");
    expect(lost.size).toBe(1);
  });
});
