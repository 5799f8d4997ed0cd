/** What an environment's page changes beside its order, stop and deletion, and what the API and its host hear of it. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { fill, press } from "../../../support/dashboard/by-hand.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone } from "../../../support/dashboard/keyboard.ts";
import { expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import type { Caller } from "../../../support/http/api.ts";
import { sessionOn } from "../../../support/samples/reports/access-report.ts";
import type { ScriptedHost } from "../../../support/worlds/control-scene.ts";
import { ScriptedGateway } from "../../../support/worlds/services/scripted-gateway.ts";

const DIALOG = '[role="dialog"]';
const SHARES = 'section[aria-label="Shared links"]';

let scene: DashboardScene;
let ada: Caller;
let host: ScriptedHost;
let id: string;

beforeAll(async () => {
  scene = await openDashboardScene();
  const { control } = scene;
  ada = await control.customer("ada");
  host = await control.host("rack-1", { gpus: 1, ssh: true, leases: true });
  id = (await control.order(ada, { name: "work", gpu: 1 })).body.id;
  await goOn();
  const { db, deps } = control.api;
  await new ScriptedGateway("gw-1", { db, now: deps.now }).live();
});
afterAll(() => scene.close());

/** Loops and the host do what there is to do. */
async function goOn(): Promise<void> {
  await host.heartbeat();
  await scene.control.schedule();
  await host.pull();
  host.bindLeases();
  await host.report(
    host.desired
      .filter(({ want }) => want !== "removed")
      .map((wanted) => host.observedOf(wanted, { phase: wanted.want === "running" ? "ready" : "stopped" })),
  );
  await scene.control.workloads();
}

async function open(): Promise<Page> {
  const { page } = await scene.open(`/environments/${id}`, ada);
  await page.setViewport({ width: 1200, height: 900 });
  return page;
}

const request = async (method: string, path = "") =>
  (await scene.control.api.request(method, `/api/v1/environments/${id}${path}`, { as: ada })).body;

const statusIs = async (page: Page, status: string) =>
  await page.waitForSelector(`main [data-status="${status}"]`);

describe.skipIf(!hasBrowser)("an environment's page (left out where Chromium is not installed)", () => {
  test("shares a port by a link that is displayed once, and ends it", async () => {
    const page = await open();

    await page.waitForSelector(`${SHARES} select`);
    await page.select(`${SHARES} select`, "port");
    await fill(page, "Port", "8000");
    await fill(page, "Hours", "2");
    await press(page, "Share", SHARES);
    await expectText(page, "The link is displayed only now.", SHARES);
    await expectText(page, /http:\/\/\S+/, SHARES);
    const { items: made } = await request("GET", "/shares");
    expect(made).toEqual([expect.objectContaining({ port: 8_000, ended_at: null })]);
    await press(page, "End", `${SHARES} tbody`);
    await expectText(page, "The link, and all that is open by it.", DIALOG);
    await press(page, "End", DIALOG);

    await dialogGone(page);
    await expectText(page, "ended", `${SHARES} tbody`);
    const { items: ended } = await request("GET", "/shares");
    expect(ended).toEqual([expect.objectContaining({ ended_at: expect.any(String) })]);
  });

  test("states at the field what cannot be shared, and shares nothing", async () => {
    const before = (await request("GET", "/shares")).items.length;
    const page = await open();
    await page.waitForSelector(`${SHARES} select`);
    await page.select(`${SHARES} select`, "port");
    await fill(page, "Port", "70000");

    await press(page, "Share", SHARES);

    await page.waitForSelector(`${SHARES} [aria-invalid="true"]`);
    expect((await request("GET", "/shares")).items).toHaveLength(before);
  });

  test("ends a session, of which its host is notified", async () => {
    host.access = { sessions: [sessionOn(host, id)], attempts: [], isWhole: true };
    await host.round();
    const page = await open();
    const who = 'section[aria-label="Who is in"]';
    await expectText(page, "198.51.100.4", who);

    await press(page, "End", who);
    await expectText(page, "This session, and what runs in it in the foreground.", DIALOG);
    await press(page, "End", DIALOG);

    await dialogGone(page);
    await expectText(page, "is being ended", who);
    await host.pull();
    expect(host.desiredCuts).toHaveLength(1);
    host.access = null;
  });

  test("takes a released port anew, on which it is then reached", async () => {
    const [lost] = [...host.leases.keys()];
    host.reportOfLease(lost ?? "none", { state: "released", releasedBecause: "idle" });
    await host.heartbeat();
    await host.report(host.desired.map((wanted) => host.observedOf(wanted, { phase: "ready" })));
    const stateOf = async () =>
      (await request("GET", "/access")).services.map(({ state }: { state: string }) => state);
    expect(await stateOf()).toContain("released");
    const page = await open();

    await press(page, "Take released ports anew");
    await page.waitForSelector('::-p-aria([name="Take released ports anew"])', { hidden: true });

    expect(await stateOf()).not.toContain("released");
    await goOn();
    await expectText(page, /ssh -p \d+ root@10\.0\.0\.1/, 'section[aria-label="SSH"]');
  });

  test("restarts it after a dialog that names what is lost, in a new run", async () => {
    const runs = async () =>
      (await request("GET")).instances.flatMap(({ runs: all }: { runs: object[] }) => all);
    const before = (await runs()).length;
    const page = await open();

    await press(page, "Restart");
    await expectText(page, "The new run, from its first minute; the old one until now.", DIALOG);
    await press(page, "Restart", DIALOG);
    await dialogGone(page);
    await statusIs(page, "restarting");
    expect(await request("GET")).toMatchObject({ status: "restarting" });
    await goOn();
    await goOn();

    await statusIs(page, "running");
    expect(await runs()).toHaveLength(before + 1);
  });

  test("starts one that was stopped, which then waits for a place", async () => {
    await request("POST", "/stop");
    await goOn();
    const page = await open();
    await statusIs(page, "stopped");

    await press(page, "Start");

    await statusIs(page, "queued");
    expect(await textOf(page)).toContain("Waiting for a place.");
    expect(await request("GET")).toMatchObject({ status: "queued" });
  });
});
