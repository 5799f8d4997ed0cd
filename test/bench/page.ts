/**
 * The fleet's page of 200 hosts with 8 cards each in a browser that has nothing of it yet: until its map can be used, until
 * it shows a cordon, its work while a tenth of the cards tell new readings each second, and until it has a stream again
 * after its server was killed. Servers and browser are processes of their own.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { type Browser, launch, type Page } from "puppeteer-core";
import { cuttableTcp } from "../support/engines/cuttable-tcp.ts";
import { openApi } from "../support/http/api.ts";
import { ApiProcess } from "../support/http/api-process.ts";
import { sceneDatabase } from "./bench-database.ts";
import { headLine, valuesLine } from "./comparison.ts";
import { makeFleet } from "./fleet-rows.ts";

const LOADS = 15;
const CORDONS = 10;
const SECONDS = 15;
const KILLS = 3;

export async function measurePage(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const fresh = await sceneDatabase(ending);
  const api = await openApi({}, fresh);
  ending.defer(() => api.close());
  await makeFleet(api.db, api.admin.customerId);
  const serve = async () => ending.use(await ApiProcess.start(fresh.url, { dashboard: true }));
  let server = await serve();
  const target = { host: "127.0.0.1", port: server.port };
  const route = await cuttableTcp(target);
  ending.defer(() => route.close());
  const url = `http://localhost:${route.port}`;
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
  const browser = await launch({ executablePath: "/usr/bin/chromium", args });
  ending.defer(() => browser.close());

  const loads: Loaded[] = [];
  for (let nth = 0; nth < LOADS; nth += 1) {
    const { page, loaded } = await opened(browser, { url, key: api.admin.key });
    loads.push(loaded);
    await page.browserContext().close();
  }
  const { page } = await opened(browser, { url, key: api.admin.key });
  const cordons: number[] = [];
  for (let nth = 0; nth < CORDONS; nth += 1) cordons.push(await cordonVisible(page, api.db, nth + 1));
  const quiet = await workASecond(page, async () => await Promise.resolve());
  const busy = await workASecond(page, async (second) => await newReadings(api.db, second));
  const resumed: number[] = [];
  for (let nth = 0; nth < KILLS; nth += 1) {
    const next = await serve();
    const streaming = page.waitForResponse(
      (answer) => answer.url().includes("/api/v1/stream?") && answer.ok(),
    );
    target.port = next.port;
    await server.kill();
    const killedMs = performance.now();
    await streaming;
    resumed.push(performance.now() - killedMs);
    server = next;
  }

  print(headLine(`The fleet's page, 200 hosts with 8 cards each, ${LOADS} loads with nothing kept`));
  print(
    valuesLine(
      "until something is seen",
      loads.map(({ seenMs }) => seenMs),
      "ms",
    ),
  );
  print(
    valuesLine(
      "until the map can be used",
      loads.map(({ usedMs }) => usedMs),
      "ms",
    ),
  );
  print(valuesLine("until it shows a cordon", cordons, "ms"));
  print(valuesLine("work a second while nothing happens", quiet, "ms"));
  print(valuesLine("work a second with new readings of a tenth", busy, "ms"));
  print(valuesLine("until it has a stream again, of another server", resumed, "ms"));
}

interface Loaded {
  seenMs: number;
  usedMs: number;
}

/** When the first cell is drawn and the page has time for whoever presses it. */
const NOTICE_MAP = `new MutationObserver((_, observer) => {
  if (document.querySelector("[data-place]") === null) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => (globalThis.usedMs = performance.now())));
}).observe(document, { childList: true, subtree: true })`;

async function opened(
  browser: Browser,
  { url, key }: { url: string; key: string },
): Promise<{ page: Page; loaded: Loaded }> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width: 1_600, height: 1_000 });
  await page.goto(`${url}/assets/licences.txt`);
  await page.evaluate(
    `fetch("/api/v1/sessions", { method: "POST", headers: { "Content-Type": "application/json" }, body: '${JSON.stringify({ key })}' })`,
  );
  await page.evaluateOnNewDocument(NOTICE_MAP);
  await page.goto(`${url}/fleet`);
  await page.waitForFunction("globalThis.usedMs !== undefined");
  const loaded = (await page.evaluate(
    `({ usedMs: globalThis.usedMs, seenMs: performance.getEntriesByName("first-contentful-paint")[0].startTime })`,
  )) as Loaded;
  return { page, loaded };
}

async function cordonVisible(page: Page, database: Database, nth: number): Promise<number> {
  const place = `[data-place="host-${String(nth).padStart(5, "0")}#0"][data-cordoned]`;
  const visible = page.waitForSelector(place);
  const startedMs = performance.now();
  await database.query("UPDATE gpus SET cordoned = true WHERE uuid = $1", [`GPU-${nth}-0`]);
  await visible;
  return performance.now() - startedMs;
}

async function newReadings(database: Database, second: number): Promise<void> {
  await database.query(
    "UPDATE gpus SET utilization_percent = $1::int, last_seen_at = now() WHERE (hashtext(uuid) & 1023) % 10 = $1::int % 10",
    [second],
  );
}

/** Of the page's main thread: scripts, styles, layout and whatever else it does. */
async function workASecond(page: Page, happens: (second: number) => Promise<void>): Promise<number[]> {
  const work: number[] = [];
  for (let second = 0; second < SECONDS; second += 1) {
    const before = await page.metrics();
    const startedMs = performance.now();
    await happens(second);
    await pause(Math.max(0, startedMs + 1_000 - performance.now()));
    const after = await page.metrics();
    const tookMs = ((after.TaskDuration ?? 0) - (before.TaskDuration ?? 0)) * 1_000;
    work.push((tookMs * 1_000) / (performance.now() - startedMs));
  }
  return work;
}
