/** Alarms, audit log and settings, in a browser without a window. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { eventually } from "../../../support/eventually.ts";
import { fill } from "../../../support/dashboard/by-hand.ts";
import { clockOff } from "../../../support/dashboard/page-clock.ts";
import { expectSoundPage, expectText, textOf } from "../../../support/dashboard/page-checks.ts";

const HOSTILE = '<img src=x onerror="document.body.remove()">\u202e🦄';
const TWO_HOURS_MS = 7_200_000;

let scene: DashboardScene;

beforeAll(async () => {
  scene = await openDashboardScene();
  await scene.control.api.db.query(
    "INSERT INTO alarms (kind, subject, detail, raised_at) VALUES ('host-floods', $1, $2, now())",
    [HOSTILE, HOSTILE],
  );
});
afterAll(() => scene.close());

describe.skipIf(!hasBrowser)("the owner (left out where Chromium is not installed)", () => {
  test.each([-TWO_HOURS_MS, TWO_HOURS_MS])(
    "sees alarms of any name as text, of seconds ago by a clock that is %i ms off, and clears one",
    async (offMs) => {
      const { page, complaints } = await scene.loggedIn(scene.control.api.admin);
      await page.evaluateOnNewDocument(clockOff(offMs));

      await page.goto(`${scene.url}/alarms`);

      await expectText(page, HOSTILE, "tbody");
      await expectText(page, /\b(now|\d+ (sec|min)\. ago)/, "tbody");
      expect(await textOf(page, "tbody")).not.toMatch(/hr\.|\bin \d|-\d/);
      if (offMs > 0) await page.click("tbody button");
      if (offMs > 0) await page.waitForSelector("tbody button", { hidden: true });
      expect(complaints).toEqual([]);
    },
  );

  test("narrows alarms by the address", async () => {
    await scene.control.api.db.query(
      "INSERT INTO alarms (kind, subject, detail, raised_at) VALUES ('disk-full', 'gpu-9', 'Make room', now())",
    );
    const { page, complaints } = await scene.open(
      "/alarms?open=true&kind=disk-full",
      scene.control.api.admin,
    );

    await expectText(page, "Make room", "tbody");
    expect(await textOf(page, "tbody")).not.toContain("host-floods");
    await expectSoundPage(page, "tbody tr");
    await page.goto(`${scene.url}/alarms?open=false&kind=disk-full`);
    await expectText(page, "Nothing here", "main section");
    expect(complaints).toEqual([]);
  });

  test("sees the open alarms at first, each with a link to what it is of", async () => {
    const { control } = scene;
    await control.host("h-1", { gpus: 1 });
    const ada = await control.customer("ada");
    const { id } = (await control.order(ada, { gpu: 1 })).body;
    await control.schedule();
    const runId = (await control.get(ada, id)).instances[0]?.run_id;
    await control.api.db.query(
      `INSERT INTO alarms (kind, subject, detail, raised_at, cleared_at)
       SELECT 'linked', subject, '', now(), cleared FROM unnest($1::text[], $2::timestamptz[]) a (subject, cleared)`,
      [
        ["h-1 twice", "GPU-h-1-000000", runId, `customer ${ada.customerId}`, "join token 4", "over"],
        [null, null, null, null, null, new Date()],
      ],
    );
    const { page, complaints } = await scene.open("/alarms?kind=linked", control.api.admin);

    await expectText(page, "join token 4", "tbody");
    const links = await page.evaluate(
      "[...document.querySelectorAll('tbody a')].map((one) => one.getAttribute('href')).toSorted()",
    );
    expect(links).toEqual(
      [
        "/hosts/h-1",
        "/hosts/h-1?card=GPU-h-1-000000",
        `/environments/${id}`,
        `/money?customer=${ada.customerId}`,
      ].toSorted(),
    );
    expect(await textOf(page, "tbody")).not.toContain("over");
    await page.goto(`${scene.url}/alarms?kind=linked&open=all`);
    await expectText(page, "over", "tbody");
    expect(complaints).toEqual([]);
  });

  test("reads who did what, narrowed by the address", async () => {
    const { page, complaints } = await scene.open("/audit?outcome=done", scene.control.api.admin);

    await page.waitForSelector("tbody tr");

    expect(await textOf(page, "tbody")).toContain("done");
    await expectSoundPage(page, "tbody tr");
    expect(complaints).toEqual([]);
  });

  test("copies the trace of what was done", async () => {
    const { api } = scene.control;
    const { page, complaints } = await scene.open("/audit", api.admin);
    const { body } = await api.request("GET", "/api/v1/audit-log?limit=1", { as: api.admin });
    const trace = String(body.items[0]?.trace_id);
    const button = `tbody [data-trace="${trace}"]`;
    await page.waitForSelector(button);

    expect(await textOf(page, button)).toBe(trace.slice(0, 8));
    await page.click(button);
    await expectText(page, "Copied", button);

    expect(complaints).toEqual([]);
  });

  test("narrows what was done to one thing, by somebody with a name, and requests no half word", async () => {
    const { api } = scene.control;
    const eve = await scene.control.customer("eve-audited");
    await api.request("PATCH", `/api/v1/customers/${eve.customerId}`, {
      as: api.admin,
      body: { display_name: "E" },
    });
    const { page, complaints } = await scene.open("/audit", api.admin);
    await page.waitForSelector("tbody tr");
    const requested: string[] = [];
    page.on("response", (response) => {
      if (response.url().includes("/audit-log?"))
        requested.push(`${response.status()} ${new URL(response.url()).search}`);
    });

    await page.select("::-p-aria([name='Only of this kind of thing'])", "customer");
    await fill(page, "Only of the one with this id", String(eve.customerId));
    await page.waitForFunction(`location.search.includes("target=${eve.customerId}")`);
    await page.select("::-p-aria([name='Only this outcome'])", "done");
    const { username } = (await api.request("GET", "/api/v1/me", { as: api.admin })).body;
    await fill(page, "By whom (name or number)", "nobody");
    await expectText(page, "Nothing here", "main");
    await fill(page, "By whom (name or number)", username);
    await page.waitForFunction(`location.search.includes("name=${username}")`);
    await expectText(page, `customer ${eve.customerId}`, "tbody");
    await page.waitForSelector(`tbody a[href="/audit?name=${username}"]`);
    expect(await textOf(page, "tbody a")).toBe(username);

    await fill(page, "By whom (name or number)", String(api.admin.customerId));
    await page.waitForFunction(`location.search.includes("actor=${api.admin.customerId}")`);
    await expectText(page, `customer ${eve.customerId}`, "tbody");
    expect(requested.filter((one) => !one.startsWith("200"))).toEqual([]);
    expect(requested.length).toBeLessThanOrEqual(7);
    expect(complaints).toEqual([]);
  });

  test("changes a setting, and reports why not", async () => {
    const { page } = await scene.open("/settings", scene.control.api.admin);
    const field = 'input[name="GPU_HISTORY_DAYS"]';
    await page.waitForSelector(field);
    await page.type(field, "x");
    await page.keyboard.press("Enter");
    await page.waitForSelector('[role="alert"]');
    await page.keyboard.press("Backspace");
    await page.type(field, "0");
    await page.keyboard.press("Enter");

    const { api } = scene.control;
    const held = async () =>
      (await api.request("GET", "/api/v1/settings/GPU_HISTORY_DAYS", { as: api.admin })).body.value;
    await eventually(async () => (await held()) === "300", { what: "the setting of 300 days" });
    await page.waitForSelector('[role="alert"]', { hidden: true });
    expect(await held()).toBe("300");
    await expectSoundPage(page, field);
  });
});
