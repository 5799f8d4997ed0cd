/** The queue in the browser: what waits, in line order, with why, host by host, and changed there by who may. */
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { GIB } from "@remotegpu/shared/values/units";
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { press } from "../../../support/dashboard/by-hand.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone, openDialog, pressOn, tabTo, typeInto } from "../../../support/dashboard/keyboard.ts";
import { expectSoundPage, expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Caller } from "../../../support/http/api.ts";
import type { ScriptedHost } from "../../../support/worlds/control-scene.ts";

const HOSTILE = `<img src=x onerror="document.title='hit'"> \u202Eevil 😈`;
const SIZE = { cpu: 1, memory: GIB, gpu: 4 };
const REASON = "host-a: 4 GPU asked, 0 free";

let scene: DashboardScene;
let hosts: ScriptedHost[];
let alice: Caller & { workspaceId: number };
/** Sees what is in the workspace, and changes nothing. */
let viewer: Caller;
/** Sees nothing of it. */
let bob: Caller;
let environment: string;
let job: string;
let gang: string;
let service: string;

beforeAll(async () => {
  scene = await openDashboardScene();
  const { control } = scene;
  hosts = [await control.host("host-a", { gpus: 4, cpu: 64, memoryGib: 64 })];
  hosts.push(await control.host("host-b", { gpus: 2, cpu: 64, memoryGib: 64 }));
  alice = await control.customer("alice");
  viewer = await control.customer("viewer");
  bob = await control.customer("bob");
  await control.api.join(alice.workspaceId, alice, viewer, "viewer");
  await setSetting(control.api.db, "DEFAULT_QUOTA_LEVEL", "enterprise");
  await ordered("/environments", { name: "runs", image: "busybox:1" });
  await control.schedule();
  for (const host of hosts) await host.round();
  environment = await ordered("/environments", { name: HOSTILE, image: "busybox:1" });
  job = await ordered("/training-jobs", { name: "train", image: "trainer:1", command: "true" });
  gang = await ordered("/training-jobs", {
    name: "gang",
    image: "trainer:1",
    command: "true",
    node_count: 2,
    gpu: 2,
  });
  service = await ordered("/inference-services", {
    name: "chat",
    image: "server:1",
    version: "1",
    min_replicas: 2,
  });
  await control.replicas();
  await control.schedule();
});
afterAll(() => scene.close());

/** Of a host that is not heard nothing is told host by host. */
beforeEach(async () => {
  for (const host of hosts) await host.heartbeat();
});

const request = async (method: string, path: string, body?: object) =>
  await scene.control.api.request(method, `/api/v1${path}`, { as: alice, ...(body && { body }) });

async function ordered(path: string, order: object): Promise<string> {
  const { status, body } = await request("POST", path, { ...SIZE, ...order });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body.id;
}

async function open(path = "/queue", as: Caller = alice): Promise<{ page: Page; complaints: string[] }> {
  const opened = await scene.open(path, as);
  await opened.page.setViewport({ width: 1200, height: 900 });
  return opened;
}

/** Names of what waits, as they stand below each other. */
async function names(page: Page): Promise<string[]> {
  return await page.$$eval("tbody > tr:not([data-beneath]) a", (links) =>
    links.map((link) => link.textContent ?? ""),
  );
}

const become = async (page: Page, wanted: string[]) =>
  await eventually(async () => JSON.stringify(await names(page)) === JSON.stringify(wanted), {
    what: `the line ${wanted.join(", ")}`,
  });

describe.skipIf(!hasBrowser)("the queue (left out where Chromium is not installed)", () => {
  test("has all that waits in line order with size, priority and why, and its own age, in both themes and languages", async () => {
    const { page, complaints } = await open();

    await become(page, [HOSTILE, "train", "gang", "chat", "chat"]);
    const rows = await page.$$eval("tbody tr", (all) => all.map((row) => row.textContent));
    expect(rows[0]).toContain(REASON);
    expect(rows[2]).toContain("2 × 2 GPU, 1 CPU");
    expect(rows.slice(3).map((row) => /replica \d/.exec(row ?? "")?.[0])).toEqual(["replica 0", "replica 1"]);
    await expectText(page, /5, all listed · (now|\d+ sec\. ago)/);
    await expectSoundPage(page, "tbody tr");
    expect(complaints).toEqual([]);
    expect(await page.title()).not.toBe("hit");
  });

  test("is opened at one order by keyboard, host by host, under an address of its own, in both themes and languages", async () => {
    const { page, complaints } = await open();
    await page.waitForSelector("tbody tr");

    await pressOn(page, "Host by host: gang");
    const opened = `[data-opened="${gang}"]`;
    await expectText(page, "Place in the queue: 3", opened);
    await expectText(page, "host-a", opened);
    await expectText(page, "host-b", opened);
    expect(new URL(page.url()).searchParams.get("open")).toBe(`training/${gang}/0`);
    await expectSoundPage(page, `${opened} section tbody tr`);
    expect(complaints).toEqual([]);
  });

  test("is closed again by mouse where it was opened", async () => {
    const { page } = await open(`/queue?open=training/${job}/0`);
    await page.waitForSelector(`[data-opened="${job}"]`);

    await press(page, "Host by host: train");

    await page.waitForSelector("[data-opened]", { hidden: true });
    expect(new URL(page.url()).search).toBe("");
  });

  test("shows read-only viewers why, and no actions", async () => {
    const { page } = await open(`/queue?open=training/${job}/0`, viewer);

    await expectText(page, "host-b", `[data-opened="${job}"]`);
    expect(await page.$$eval("[data-opened] button", (buttons) => buttons.length)).toBe(0);
    expect(await names(page)).toHaveLength(5);
  });

  test("shows a key that orders nothing no actions either, and strangers nothing at all", async () => {
    const reader = await scene.control.api.key(alice, { scopes: ["read"] });
    const { page } = await open(`/queue?open=training/${job}/0`, reader);
    await expectText(page, "host-b", `[data-opened="${job}"]`);
    expect(await page.$$eval("[data-opened] button", (buttons) => buttons.length)).toBe(0);

    const stranger = await open(`/queue?open=training/${job}/0`, bob);
    await expectText(stranger.page, "Nothing waits.");
    expect(await textOf(stranger.page)).not.toContain("train");
  });

  test("takes a job in front of all but the head once its priority is changed, by keyboard alone", async () => {
    const { page } = await open();
    await page.waitForSelector("tbody tr");
    await pressOn(page, "Host by host: gang");
    await expectText(page, "host-b", `[data-opened="${gang}"]`);

    await openDialog(page, "Change");
    await tabTo(page, "Priority");
    await page.keyboard.type("7");
    await page.keyboard.press("Enter");
    await pressOn(page, "Save");

    await dialogGone(page);
    // The head, for which room is kept, stays where it is.
    await become(page, [HOSTILE, "gang", "train", "chat", "chat"]);
    await expectText(page, "Place in the queue: 2", `[data-opened="${gang}"]`);
    expect((await request("GET", `/training-jobs/${gang}`)).body).toMatchObject({
      name: "gang",
      priority: 7,
    });
  });

  test("has an administrator see whose each is, and give it another name", async () => {
    const { page } = await open(`/queue?open=environment/${environment}/0`, scene.control.api.admin);
    await page.waitForSelector(`[data-opened="${environment}"]`);
    await expectText(page, "alice", "tbody");

    await press(page, "Change");
    await page.waitForSelector('[role="dialog"] input[name="name"]');
    expect(await page.$('[role="dialog"] select')).toBeNull();
    await typeInto(page, "Name", "well named");
    await press(page, "Save", '[role="dialog"]');

    await dialogGone(page);
    await become(page, ["well named", "gang", "train", "chat", "chat"]);
  });

  test("lets a job go by keyboard, after the dialog that states what it costs", async () => {
    const { page } = await open(`/queue?open=training/${job}/0`);
    await expectText(page, "host-b", `[data-opened="${job}"]`);

    await openDialog(page, "Cancel the job");
    await expectText(page, "Waiting cost nothing", '[role="dialog"]');
    expect(await textOf(page, '[role="dialog"]')).not.toMatch(/^Cancel$/m);
    await pressOn(page, "Keep it");
    await dialogGone(page);
    expect((await request("GET", `/training-jobs/${job}`)).body).toMatchObject({ status: "queued" });
    await openDialog(page, "Cancel the job");
    await pressOn(page, "Cancel the job");

    await become(page, ["well named", "gang", "chat", "chat"]);
    expect((await request("GET", `/training-jobs/${job}`)).body).toMatchObject({ status: "cancelled" });
  });

  test("takes an environment out of the line, which stays, and stops a service as a whole", async () => {
    const { page } = await open(`/queue?open=environment/${environment}/0`);
    await page.waitForSelector(`[data-opened="${environment}"]`);

    await press(page, "Take it out");
    await expectText(page, "with its settings and files", '[role="dialog"]');
    await press(page, "Take it out", '[role="dialog"]');
    await become(page, ["gang", "chat", "chat"]);
    expect((await request("GET", `/environments/${environment}`)).body).toMatchObject({ status: "stopped" });

    await page.goto(`${scene.url}/queue?open=inference/${service}/1`);
    await expectText(page, "host-b", `[data-opened="${service}"]`);
    expect(await page.$$eval("[data-opened]", (all) => all.length)).toBe(1);
    await press(page, "Stop the service");
    await expectText(page, "All of its replicas", '[role="dialog"]');
    await press(page, "Stop the service", '[role="dialog"]');
    await become(page, ["gang"]);
  });
});
