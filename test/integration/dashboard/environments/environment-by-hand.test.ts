/** An environment from its order to its stop, in a browser: by mouse through to its terminal, and by keyboard alone. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { fill, pathIs, press } from "../../../support/dashboard/by-hand.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { tabTo, typeInto } from "../../../support/dashboard/keyboard.ts";
import { expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { eventually } from "../../../support/eventually.ts";
import type { ScriptedHost } from "../../../support/worlds/control-scene.ts";
import { TerminalScene } from "../../../support/worlds/terminal-scene.ts";
import { openWebScene, type WebScene } from "../../../support/worlds/web-scene.ts";

const SLOW_MS = 240_000;
const OF_ONE = /^\/environments\/(env-[\w-]+)$/;
const DIALOG = '[role="dialog"]';
const WRONG_LABELS = `[...document.querySelectorAll('[aria-invalid="true"]')].map((field) => field.labels[0].innerText)`;
const FOCUSED_LABEL = "document.activeElement?.labels?.[0]?.innerText";
let container: TerminalScene;
let web: WebScene;
let scene: DashboardScene;

beforeAll(async () => {
  container = await TerminalScene.open();
  web = await openWebScene({ handlers: { terminal: container.leadingHere() } });
  scene = await openDashboardScene(web.control);
}, SLOW_MS);
afterAll(async () => {
  await scene.close();
  await web.close();
  await container.close();
});

const statusIs = async (page: Page, status: string) =>
  await page.waitForSelector(`main [data-status="${status}"]`);

/** What the loops and its host do with it. */
async function goesOn(page: Page, status: string): Promise<void> {
  // A person takes longer than a host that says nothing is placed on.
  await web.host.heartbeat();
  await web.control.schedule();
  await round(web.host);
  await web.control.workloads();
  await statusIs(page, status);
}

/** As an agent does: what is to run runs, what is to stop has stopped. */
async function round(host: ScriptedHost): Promise<void> {
  const desired = await host.pull();
  await host.heartbeat();
  await host.report(
    desired
      .filter(({ want }) => want !== "removed")
      .map((wanted) => host.observedOf(wanted, { phase: wanted.want === "running" ? "ready" : "stopped" })),
  );
}

/** So much of its run is proven, at the price of one core. */
async function proves(id: string, minutes: number): Promise<void> {
  const { db } = web.control.api;
  await db.query(
    `UPDATE runs SET first_proven_at = coalesce(first_proven_at, now()), last_proven_at = now(), proven_ms = $2, uncharged = true
      WHERE resource_id = $1`,
    [id, minutes * 60_000],
  );
  await db.query(
    `UPDATE run_lines l SET unit_price = CASE line WHEN 'cpu' THEN 0.6 ELSE 0 END, billing_unit = 'hour'
       FROM runs r WHERE r.id = l.run_id AND r.resource_id = $1 AND l.unit_price IS NULL`,
    [id],
  );
}

const costs = async (page: Page, points: string) =>
  await page.waitForSelector(`section[aria-label="Now"] [data-cost="${points}"]`);

const statusOf = async (id: string) => (await web.control.get(web.owner, id)).status;

describe.skipIf(!hasBrowser)("an environment (left out where Chromium is not installed)", () => {
  test(
    "is ordered, entered by its terminal and stopped by mouse",
    async () => {
      const { page, complaints } = await scene.open("/environments", web.owner);
      await press(page, "Order an environment");
      await fill(page, "Name", "by mouse");
      await fill(page, "Image", "busybox:1");
      await fill(page, "GPUs", "0");
      await fill(page, "CPU cores", "1");
      await fill(page, "Memory, GiB", "1");
      await page.waitForSelector('[data-per-hour="0.6000"]');
      await page.waitForSelector('[data-fits="now"]');
      await press(page, "Order");
      const id = await pathIs(page, OF_ONE);
      await expectText(page, "Waiting for a place.");
      await goesOn(page, "running");
      await proves(id, 30);
      await costs(page, "0.3000");

      await press(page, "Open", 'section[aria-label="Terminal"]');
      const opened = await page
        .browserContext()
        .waitForTarget((target) => target.url().includes(`terminal-${id}`));
      const terminal = await opened.page();
      await terminal?.waitForSelector('body[data-standing="open"]');
      await terminal?.keyboard.type("echo it is $((40 + 2))\n");
      await eventually(
        async () => terminal !== null && /it is 42/.test(await textOf(terminal, ".xterm-rows")),
        {
          what: "what was typed",
        },
      );
      await page.bringToFront();
      await proves(id, 90);
      await costs(page, "0.9000");

      await press(page, "Stop");
      await expectText(page, "/gemini/code and /gemini/output.", DIALOG);
      const dialog = await textOf(page, DIALOG);
      for (const heading of ["What stops", "What stays", "What is still charged"])
        expect(dialog).toContain(heading);
      await press(page, "Stop", DIALOG);
      await eventually(async () => (await statusOf(id)) === "stopping", { what: "its stop" });
      await goesOn(page, "stopped");
      expect(complaints).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    "is ordered, stopped and deleted by keyboard alone",
    async () => {
      const { page } = await scene.open("/environments", web.owner);
      await page.waitForSelector("h1");
      await tabTo(page, "Order an environment");
      await page.keyboard.press("Enter");
      await expectText(page, "Price and room");
      await typeInto(page, "Name", "by keys");
      await typeInto(page, "Image", "busybox:1");
      await typeInto(page, "GPUs", "0");
      await typeInto(page, "CPU cores", "1");
      await typeInto(page, "Memory, GiB", "1");
      await tabTo(page, "Order");
      await page.keyboard.press("Enter");
      const id = await pathIs(page, OF_ONE);
      await goesOn(page, "running");

      await tabTo(page, "Stop");
      await page.keyboard.press("Enter");
      await page.waitForSelector(DIALOG);
      await tabTo(page, "Cancel");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await eventually(async () => (await statusOf(id)) === "stopping", { what: "its stop" });
      await goesOn(page, "stopped");

      await tabTo(page, "Delete");
      await page.keyboard.press("Enter");
      await page.waitForSelector(DIALOG);
      await page.keyboard.press("Escape");
      await eventually(async () => (await page.$(DIALOG)) === null, { what: "a closed dialog" });
      expect(await statusOf(id)).toBe("stopped");

      await tabTo(page, "Delete");
      await page.keyboard.press("Enter");
      await page.waitForSelector(DIALOG);
      await tabTo(page, "Cancel");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await pathIs(page, /^(\/environments)$/);
    },
    SLOW_MS,
  );

  test(
    "that is refused has the reasons at its fields",
    async () => {
      const { page } = await scene.open("/environments?order=new", web.owner);
      await fill(page, "Name", "refused");
      await fill(page, "Image", "busybox:1");
      await fill(page, "GPUs", "9");
      await fill(page, "CPU cores", "1");
      await fill(page, "Memory, GiB", "0.001");
      await page.waitForSelector('[data-fits="never"]');

      await press(page, "Order");

      await page.waitForSelector('[aria-invalid="true"]');
      expect(await page.evaluate(WRONG_LABELS)).toEqual([expect.stringMatching(/^Memory, GiB/)]);
      expect(await page.evaluate(FOCUSED_LABEL)).toMatch(/^Memory, GiB/);
      expect(new URL(page.url()).search).toBe("?order=new");
    },
    SLOW_MS,
  );

  test(
    "with text that is no number is not sent, and the field that has it gets the focus",
    async () => {
      const { page } = await scene.open("/environments?order=new", web.owner);
      let orders = 0;
      page.on("request", (request) => {
        if (request.method() === "POST" && request.url().endsWith("/environments")) orders += 1;
      });
      await fill(page, "Name", "unread");
      await fill(page, "Image", "busybox:1");
      await fill(page, "CPU cores", "two");
      await expectText(page, "A number is wanted here");

      await press(page, "Order");

      const hasFocus = async () => String(await page.evaluate(FOCUSED_LABEL)).startsWith("CPU cores");
      await eventually(hasFocus, { what: "the focus on what cannot be read" });
      expect(await page.evaluate(WRONG_LABELS)).toEqual([expect.stringMatching(/^CPU cores/)]);
      expect(orders).toBe(0);
    },
    SLOW_MS,
  );
});
