/** Two servers behind one address, one of which is killed under a page that is looked at. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasBrowser, openPage } from "../../support/engines/chromium/browser.ts";
import { logIn } from "../../support/dashboard/dashboard-scene.ts";
import { expectText } from "../../support/dashboard/page-checks.ts";
import { WITHOUT_POLLS } from "../../support/dashboard/page-polls.ts";
import { cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { ApiProcess } from "../../support/http/api-process.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

let fresh: FreshDatabase;
let control: ControlScene;

beforeAll(async () => {
  fresh = await freshDatabase();
  control = await openControlScene(fresh);
});
afterAll(() => control.close());

describe.skipIf(!hasBrowser)("two servers (left out where Chromium is not installed)", () => {
  test("of which one is killed: the page goes on with the other, and has missed nothing", async () => {
    const { api } = control;
    const north = await control.host("north", { gpus: 2 });
    const cordon = async (nth: number) => {
      const path = `/api/v1/gpus/${north.gpus[nth]?.uuid}/cordon`;
      expect((await api.request("POST", path, { as: api.admin, body: {} })).status).toBe(200);
    };
    const [first, second] = await Promise.all(
      [0, 1].map(async () => await ApiProcess.start(fresh.url, { dashboard: true })),
    );
    if (first === undefined || second === undefined) throw new Error("two servers were wanted");
    onTestFinished(async () => void (await Promise.all([first.kill(), second.kill()])));
    const target = { host: "127.0.0.1", port: first.port };
    const route = await cuttableTcp(target);
    onTestFinished(() => route.close());
    const url = `http://localhost:${route.port}`;
    const page = await openPage();
    await page.evaluateOnNewDocument(WITHOUT_POLLS);
    await logIn(page, url, api.admin);
    const streaming = page.waitForResponse(
      (answer) => answer.url().includes("/api/v1/stream?") && answer.ok(),
    );
    await page.goto(`${url}/fleet`);
    await page.waitForSelector('[data-place="north#0"]');
    await streaming;

    const resumed = page.waitForResponse((answer) => answer.url().includes("/api/v1/stream?") && answer.ok());
    target.port = second.port;
    await first.kill();
    await cordon(0);
    await resumed;
    await page.waitForSelector('[data-place="north#0"][data-cordoned]');
    await cordon(1);
    await page.waitForSelector('[data-place="north#1"][data-cordoned]');

    await expectText(page, "1 up");
    expect(await page.$("[data-banner]")).toBeNull();
  }, 180_000);
});
