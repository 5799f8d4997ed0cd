/** Training jobs in the browser: where their ranks stand, what went wrong first, and what is done with them by keyboard. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone, openDialog, pressOn, tabTo, typeInto } from "../../../support/dashboard/keyboard.ts";
import { expectSoundPage, expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Caller } from "../../../support/http/api.ts";
import { GangScene } from "../../../support/worlds/fleet/gang-scene.ts";

const HOSTILE = `<img src=x onerror="document.title='hit'"> \u202Eevil 😈`;

let scene: DashboardScene;
let gang: GangScene;
let bob: Caller;
/** Its second rank failed before the first was stopped. */
let failed: string;
/** Both ranks are held, and the clock of one host is off. */
let held: string;
let waiting: string;

beforeAll(async () => {
  scene = await openDashboardScene();
  gang = await GangScene.begin(scene.control, 2);
  bob = await scene.control.customer("bob");
  failed = await gang.runs({ name: HOSTILE });
  const [first, second] = await gang.hostsOf(failed);
  if (first === undefined || second === undefined) throw new Error("it has not two hosts");
  await second.pull();
  const remains = { outOfMemory: false, signal: null, tail: "last words", newOutput: false };
  const report = { phase: "failed", exitCode: 3, detail: "out of patience", remains } as const;
  await second.report(second.desired.map((wanted) => second.observedOf(wanted, report)));
  await gang.scene.workloads();
  await gang.round([first]);
  await gang.scene.workloads();
  gang.bad.set(first, [{ check: "clock", detail: "It is 3 s off." }]);
  held = await gang.placed({ name: "held" });
  await gang.round();
  waiting = await gang.placed({ name: "waits" });
  await gang.order({ name: "sweep", node_count: 1, gpu: 0, array: { from: 0, to: 2 } });
});
afterAll(() => scene.close());

async function open(path: string, as: Caller = gang.alice): Promise<{ page: Page; complaints: string[] }> {
  const opened = await scene.open(path, as);
  await opened.page.setViewport({ width: 1200, height: 900 });
  return opened;
}

const status = async (id: string) => (await gang.job(id)).status;

describe.skipIf(!hasBrowser)("training jobs (left out where Chromium is not installed)", () => {
  test("are listed with names as text, filtered by the address, in both themes and languages", async () => {
    const { page, complaints } = await open("/training");

    await expectText(page, HOSTILE);
    await expectSoundPage(page, "tbody tr");
    await page.goto(`${scene.url}/training?name=sweep-2`);
    await expectText(page, "sweep-2");
    expect(await textOf(page)).not.toContain("evil");
    expect(complaints).toEqual([]);
    expect(await page.title()).not.toBe("hit");
  });

  test("of which the old system recorded no size show none, in place of 0", async () => {
    await scene.control.api.db.query(
      `INSERT INTO training_jobs (id, customer_id, workspace_id, name, image, command, status, cpu, gpu, created_at)
       VALUES ('job-of-before', $1, $2, 'of before', 'busybox:1', 'true', 'completed', NULL, NULL, '2024-01-01Z')`,
      [gang.alice.customerId, gang.alice.workspaceId],
    );
    const { page } = await open("/training?name=of%20before");
    await expectText(page, "not reported", "tbody");
    expect(await textOf(page, "tbody")).not.toContain("0 GPU");

    await page.goto(`${scene.url}/training/job-of-before`);
    const ordered = 'section[aria-label="What was ordered"]';
    await expectText(page, /Each rank\s+not reported/, ordered);
    expect(await textOf(page, ordered)).not.toMatch(/\b0 (CPU|GPU)/);
    // Its figures say how old they are.
    await page.waitForSelector('section[aria-label="Cost so far"] time');
  });

  test("show a lane for each rank with its stages, and the rank that failed first", async () => {
    const { page, complaints } = await open(`/training/${failed}`);

    await expectText(page, "out of patience");
    const lanes = await page.$$eval("[data-lane]", (all) => all.map((one) => one.textContent));
    expect(lanes).toHaveLength(2);
    for (const lane of lanes)
      expect(lane).toMatch(/Attempt 1.*queued.*placed.*held.*released.*running.*exit/s);
    const first = await page.$$eval("[data-first-to-fail]", (all) =>
      all.map((one) => one.closest("[data-lane]")?.getAttribute("data-lane")),
    );
    expect(first).toHaveLength(1);
    await expectText(page, "attempt-1/");
    await expectSoundPage(page, "[data-lane]");
    expect(complaints).toEqual([]);
  });

  test("that are held show what each host found", async () => {
    const { page } = await open(`/training/${held}`);

    await expectText(page, "7 checks passed, 1 did not");
    await expectText(page, /Rank [01], clock: It is 3 s off\./);
    expect(await page.$$eval('section[aria-label="Preflight"] tbody tr', (rows) => rows.length)).toBe(2);
    await expectSoundPage(page, "section[aria-label] tbody tr");
  });

  test("of which a part cannot be read still show the others", async () => {
    const { page } = await open(`/training/${failed}?output=attempt-1`);

    await expectText(page, "this server has no gateway", 'section[aria-label="Output files"]');
    await expectText(page, "out of patience");
    expect(await page.$$eval("[data-lane]", (lanes) => lanes.length)).toBe(2);
  });

  test("of others are not there", async () => {
    const { page } = await open(`/training/${failed}`, bob);

    await page.waitForSelector("[data-not-found]");
    expect(await textOf(page)).not.toContain("out of patience");
  });

  test("that wait state why and at which place, and are cancelled by keyboard after the dialog", async () => {
    const { page } = await open(`/training/${waiting}`);
    await expectText(page, "Place in the queue: 1");

    await openDialog(page, "Cancel the job");
    await expectText(page, "What is still charged", '[role="dialog"]');
    await pressOn(page, "Keep it");
    await dialogGone(page);
    expect(await status(waiting)).toBe("queued");
    await openDialog(page, "Cancel the job");
    await pressOn(page, "Cancel the job");

    await eventually(async () => (await status(waiting)) === "cancelled", {
      what: "the job to be cancelled",
    });
    await page.waitForSelector('[data-status="cancelled"]');
    expect(await textOf(page)).not.toContain("Place in the queue");
  });

  test("that ended run again, and one like it is ordered from a form that is filled in", async () => {
    const { page } = await open(`/training/${failed}`);
    await expectText(page, "out of patience");

    await pressOn(page, "Run it again");
    await eventually(async () => (await status(failed)) === "queued", { what: "the next attempt" });
    await pressOn(page, "Order one like it");
    await page.waitForSelector('input[name="image"]');
    await page.waitForSelector("[data-trial-price]");
    expect(await page.evaluate(`document.querySelector('input[name="node_count"]').value`)).toBe("2");
    await typeInto(page, "Name", "once more");
    await pressOn(page, "Order");
    await expectText(page, "once more", "h1");
    const { items } = (await gang.request("GET", "?name=once%20more")).body;
    expect(items).toMatchObject([{ node_count: 2, image: "trainer:1", command: "true" }]);
  });

  test("of an array stand together, and are cancelled together", async () => {
    const { page } = await open("/training?by=array");

    await pressOn(page, "sweep");
    await expectText(page, "sweep [0–2]");
    await page.waitForSelector("tbody tr");
    await openDialog(page, "Cancel all");
    await expectText(page, "3 jobs that have not ended", '[role="dialog"]');
    await tabTo(page, "Cancel all");
    await page.keyboard.press("Enter");

    await eventually(
      async () => {
        const { items } = (await gang.request("GET", "?name=sweep")).body as { items: { status: string }[] };
        return items.every((one) => one.status === "cancelled");
      },
      { what: "all of the array to be cancelled" },
    );
    expect(new URL(page.url()).search).toMatch(/^\?group_id=/);
  });

  test("that were carried over wait until they are ordered to run", async () => {
    const { body } = await gang.order({ name: "carried over" });
    await scene.control.api.db.query("UPDATE training_jobs SET confirmed_at = NULL WHERE id = $1", [body.id]);
    const { page } = await open(`/training/${body.id}`);

    await pressOn(page, "Have it run");

    await expectText(page, /^(?!.*Have it run)/s);
    expect(await gang.job(body.id)).toMatchObject({ awaits_confirmation: false });
  });

  test("that have ended are deleted after a dialog, one by one and as an array", async () => {
    const { page } = await open(`/training/${waiting}`);
    await page.waitForSelector('[data-status="cancelled"]');
    await openDialog(page, "Delete");
    await expectText(page, "Its bill, and its output in the storage pool", '[role="dialog"]');
    await pressOn(page, "Delete");
    await page.waitForFunction("location.pathname === '/training'");
    expect((await gang.request("GET", `/${waiting}`)).status).toBe(404);

    await page.goto(`${scene.url}/training?by=array`);
    await pressOn(page, "sweep");
    await expectText(page, "sweep [0–2]");
    await openDialog(page, "Delete all");
    await pressOn(page, "Delete all");
    await page.waitForFunction("location.search === '?by=array'");
    expect((await gang.request("GET", "?name=sweep")).body.items).toEqual([]);
  });

  test("that are ordered with what cannot be are refused at the field", async () => {
    const { page } = await open("/training?order=new");
    await page.waitForSelector('input[name="image"]');
    await expectSoundPage(page, 'input[name="image"]');

    await typeInto(page, "Name", "wrong");
    await typeInto(page, "Image", "trainer:1");
    await typeInto(page, "Command", "true");
    await typeInto(page, "Ranks", "0");
    await pressOn(page, "Order");

    await page.waitForSelector('input[name="node_count"][aria-invalid="true"]:focus');
    expect((await gang.request("GET", "?name=wrong")).body.items).toEqual([]);
  });

  test("that are refused for a field that is folded away have it unfolded, and the focus on it", async () => {
    const { page } = await open("/training?order=new");
    await page.waitForSelector('input[name="image"]');
    await typeInto(page, "Name", "folded");
    await typeInto(page, "Image", "trainer:1");
    await typeInto(page, "Command", "true");
    await pressOn(page, "More");
    await typeInto(page, "Priority", "99");
    await page.evaluate("document.querySelector('details').open = false");

    await pressOn(page, "Order");

    await page.waitForSelector('details[open] input[name="priority"][aria-invalid="true"]:focus');
    expect((await gang.request("GET", "?name=folded")).body.items).toEqual([]);
  });
});
