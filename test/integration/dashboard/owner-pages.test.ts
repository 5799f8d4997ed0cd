/** Alarms, audit log and settings, in a browser without a window. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../support/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../support/dashboard/dashboard-scene.ts";
import { eventually } from "../../support/eventually.ts";
import { expectKept, expectText, textOf } from "../../support/dashboard/page-checks.ts";

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
      const { page, complaints } = await scene.open("/queue", scene.control.api.admin);
      await page.evaluateOnNewDocument(
        `const real = Date; globalThis.Date = class extends real { constructor(...told) { told.length === 0 ? super(real.now() + ${offMs}) : super(...told); } static now() { return real.now() + ${offMs}; } };`,
      );

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
    await expectKept(page, "tbody tr");
    await page.goto(`${scene.url}/alarms?open=false&kind=disk-full`);
    await expectText(page, "暂无内容", "main section");
    expect(complaints).toEqual([]);
  });

  test("reads who did what, narrowed by the address", async () => {
    const { page, complaints } = await scene.open("/audit?outcome=done", scene.control.api.admin);

    await page.waitForSelector("tbody tr");

    expect(await textOf(page, "tbody")).toContain("done");
    await expectKept(page, "tbody tr");
    expect(complaints).toEqual([]);
  });

  test("changes a setting, and is told why not", async () => {
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
      (await api.ask("GET", "/api/v1/settings/GPU_HISTORY_DAYS", { as: api.admin })).body.value;
    await eventually(async () => (await held()) === "300", { what: "the setting of 300 days" });
    await page.waitForSelector('[role="alert"]', { hidden: true });
    expect(await held()).toBe("300");
    await expectKept(page, field);
  });
});
