/**
 * The fleet's page of ten thousand hosts with 8 cards each, of which it shows a thousand, against the page of 200: until it
 * can be used, the longest that its browser is busy at a stretch while it loads and while it goes to the next page, and how
 * long the server takes for each kind of question.
 */
import { type Browser, launch, type Page } from "puppeteer-core";
import type { ApiWorld } from "../support/http/api.ts";
import { openApi } from "../support/http/api.ts";
import { ApiProcess } from "../support/http/api-process.ts";
import { sceneDatabase } from "./bench-database.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";
import { makeFleet } from "./fleet-map.ts";

const HOSTS = 10_000;
const FEW = 200;
const LOADS = 6;
const ASKED = 20;
const PLACE = "[data-place]";

const QUESTIONS: [what: string, query: string][] = [
  ["the first page", ""],
  ["grouped by rack", "?group_by=label:rack"],
  ["grouped by model", "?group_by=model"],
  ["free with 40 GB", "?free_gpu_memory=40000000000"],
  ["by a part of a name", "?search=0777"],
];

interface Fleet {
  api: ApiWorld;
  url: string;
}

export async function measureLargeFleet(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows = HOSTS }: { rows?: number | undefined } = {},
): Promise<void> {
  const many = await opened(ending, rows);
  const few = await opened(ending, FEW);
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
  const browser = await launch({ executablePath: "/usr/bin/chromium", args });
  ending.defer(() => browser.close());

  const loads: { ours: Loaded; bare: Loaded }[] = [];
  for (let nth = 0; nth < LOADS; nth += 1)
    loads.push({ ours: await loaded(browser, many), bare: await loaded(browser, few) });
  say(headLine(`The fleet's page, ${rows} hosts with 8 cards each, ${LOADS} loads with nothing kept`));
  const used = loads.map(({ ours, bare }) => ({ ours: ours.usedMs, bare: bare.usedMs }));
  say(ratioLine(`until the map can be used, to that of ${FEW} hosts`, used));
  for (const [which, of] of [
    [`${rows}`, ({ ours }) => ours],
    [`${FEW}`, ({ bare }) => bare],
  ] as [string, (pair: (typeof loads)[number]) => Loaded][]) {
    const found = loads.map(of);
    const line = (what: string, figure: keyof Loaded) =>
      valuesLine(
        `${which} hosts: ${what}`,
        found.map((load) => load[figure]),
        "ms",
      );
    say(line("until the map can be used", "usedMs"));
    say(line("longest task of the load (0: none of 50 ms)", "longestMs"));
    say(line("longest task of the next page and a poll", "longestLaterMs"));
  }
  for (const [what, query] of QUESTIONS) {
    const took: number[] = [];
    for (let nth = 0; nth < ASKED; nth += 1) took.push(await tookMs(many, query));
    say(valuesLine(`GET /fleet/map, ${what}`, took, "ms"));
  }
}

async function opened(ending: AsyncDisposableStack, hosts: number): Promise<Fleet> {
  const fresh = await sceneDatabase(ending);
  const api = await openApi({}, fresh);
  ending.defer(() => api.close());
  await makeFleet(api.db, api.admin.customerId, hosts);
  const server = ending.use(await ApiProcess.start(fresh.url, { dashboard: true }));
  return { api, url: `http://localhost:${server.port}` };
}

interface Loaded {
  usedMs: number;
  longestMs: number;
  /** After that: to the next page where there is one, and what is polled. */
  longestLaterMs: number;
}

/** Tasks of 50 ms and more, and when the first cell is drawn and the page has time for whoever presses it. */
const NOTICE = `globalThis.longestMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) globalThis.longestMs = Math.max(globalThis.longestMs, duration);
  }).observe({ type: "longtask", buffered: true });
  new MutationObserver((_, observer) => {
    if (document.querySelector("${PLACE}") === null) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => (globalThis.usedMs = performance.now())));
  }).observe(document, { childList: true, subtree: true })`;

async function loaded(browser: Browser, { api, url }: Fleet): Promise<Loaded> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width: 1_600, height: 1_000 });
  await page.goto(`${url}/assets/licences.txt`);
  await page.evaluate(
    `fetch("/api/v1/sessions", { method: "POST", headers: { "Content-Type": "application/json" }, body: '${JSON.stringify({ key: api.admin.key })}' })`,
  );
  await page.evaluateOnNewDocument(NOTICE);
  await page.goto(`${url}/fleet`);
  await page.waitForFunction("globalThis.usedMs !== undefined");
  const usedMs = Number(await page.evaluate("globalThis.usedMs"));
  const longestMs = await longest(page);
  const next = await page.$('nav[aria-label="Pages of the map"] button:last-of-type');
  const answered = page.waitForResponse((answer) => answer.url().includes("/fleet/map"));
  await next?.click();
  await answered;
  const polled = page.waitForResponse((answer) => answer.url().includes("/fleet/map"));
  await polled;
  const longestLaterMs = await longest(page);
  await context.close();
  return { usedMs, longestMs, longestLaterMs };
}

/** Since it was asked for the last time, once the page has come to rest. */
async function longest(page: Page): Promise<number> {
  await page.waitForNetworkIdle({ idleTime: 1_000, concurrency: 2 });
  return Number(
    await page.evaluate(
      "(() => { const { longestMs } = globalThis; globalThis.longestMs = 0; return longestMs; })()",
    ),
  );
}

async function tookMs({ api, url }: Fleet, query: string): Promise<number> {
  const startedMs = performance.now();
  const answer = await fetch(`${url}/api/v1/fleet/map${query}`, {
    headers: { Authorization: `Bearer ${api.admin.key}` },
  });
  await answer.text();
  if (answer.status !== 200) throw new Error(`the map got ${answer.status}`);
  return performance.now() - startedMs;
}
