/** `npm run screenshots`: opens the main pages of the dashboard on what `pictured-fleet.ts` plays, and keeps a picture of each. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Page, Viewport } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DashboardScene, openDashboardScene } from "../support/dashboard/dashboard-scene.ts";
import type { Caller } from "../support/http/api.ts";
import { freeze } from "./frozen-page.ts";
import { playFleet, type PicturedFleet, PICTURED_AT } from "./pictured-fleet.ts";

const FOLDER = new URL("../../control-plane/docs/pictures/", import.meta.url).pathname;
const BATCH_QUEUE: Viewport = { width: 1280, height: 800 };
const PHONE: Viewport = { width: 390, height: 780, isMobile: true, hasTouch: true };
const QUALITY = 82;

interface Picture {
  name: string;
  path: (visible: PicturedFleet) => string;
  /** Who looks; without it the owner. */
  isAda?: boolean;
  theme?: "light" | "dark";
  viewport?: Viewport;
  /** Stands once all of it is there. */
  stands: string;
  /** The part that is scrolled to below the page's head. */
  from?: string;
  /** What is opened before. */
  opens?: string;
}

// oxfmt-ignore
const PICTURES: readonly Picture[] = [
  { name: "fleet", path: () => "/fleet", stands: '[data-place="gpu-06#7"]' },
  { name: "fleet-dark", path: () => "/fleet?group=label%3Arack", theme: "dark", stands: '[data-place="gpu-06#7"]', from: 'section[aria-label="Map"]', opens: "details" },
  { name: "host", path: () => "/hosts/gpu-01?card=GPU-gpu-01-000000", stands: ".u-wrap", from: 'section[aria-label="Lines of GPU 0"]' },
  { name: "queue", path: () => "/queue", stands: "tbody tr" },
  { name: "alarms", path: () => "/alarms", stands: "tbody tr" },
  { name: "environments", path: () => "/environments", isAda: true, stands: "tbody tr" },
  { name: "environment-dark", path: ({ environment }) => `/environments/${environment}`, isAda: true, theme: "dark", stands: 'section[aria-label="SSH"] code' },
  { name: "environment-phone", path: ({ environment }) => `/environments/${environment}`, isAda: true, viewport: PHONE, stands: 'section[aria-label="SSH"] code' },
  { name: "training", path: ({ job }) => `/training/${job}`, isAda: true, stands: "[data-lane]" },
  { name: "inference", path: ({ service }) => `/inference/${service}`, isAda: true, stands: ".u-wrap" },
  { name: "billing", path: () => "/billing", isAda: true, stands: 'a[href^="/billing/records/"]' },
  { name: "proof", path: ({ recordId }) => `/billing/records/${recordId}`, isAda: true, stands: '[data-proof="holds"]' },
];

const ending = new AsyncDisposableStack();
/** The head stays where it is. */
const SCROLL_TO =
  "(part) => scrollTo(0, document.querySelector(part).getBoundingClientRect().top + scrollY - 64)";

let visible: PicturedFleet;
let scene: DashboardScene;

beforeAll(async () => {
  visible = await playFleet(ending);
  scene = ending.adopt(await openDashboardScene(visible.control), (one) => one.close());
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
});
afterAll(() => ending.disposeAsync());

test.each(PICTURES)("$name", async (picture) => {
  const { name, path, isAda = false, theme = "light", viewport = BATCH_QUEUE, stands, from, opens } = picture;
  const { page, complaints } = await open(isAda ? visible.ada : visible.control.api.admin);
  await page.setViewport(viewport);
  await page.evaluate(`localStorage.setItem("mantine-color-scheme-value", "${theme}")`);

  await page.goto(scene.url + path(visible));
  await page.waitForSelector(stands);
  await page.waitForNetworkIdle({ concurrency: 1 });
  if (opens !== undefined) await page.click(`${opens} summary`);
  if (from !== undefined) await page.evaluate(`(${SCROLL_TO})(${JSON.stringify(from)})`);

  expect(await page.$('[role="alert"]')).toBeNull();
  writeFileSync(`${FOLDER}${name}.webp`, await page.screenshot({ type: "webp", quality: QUALITY }));
  expect(complaints).toEqual([]);
});

/** A browser that is logged in, at a page on which nothing is shown yet. */
async function open(as: Caller): Promise<{ page: Page; complaints: string[] }> {
  const opened = await scene.loggedIn(as);
  await freeze(opened.page, PICTURED_AT);
  return opened;
}
