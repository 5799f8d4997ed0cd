/**
 * Debian's Chromium without a window, driven over its own protocol. A test file starts it once; what a test opens in it knows
 * nothing of other tests, and is closed with that test.
 */
import { existsSync } from "node:fs";
import { type Browser, defaultArgs, launch, type Page } from "puppeteer-core";
import { afterAll, onTestFinished } from "vitest";
import { BrowserNetwork } from "./browser-network.ts";

const CHROMIUM = "/usr/bin/chromium";
/** What needs one is left out where it is not installed, and says so. */
export const hasBrowser = existsSync(CHROMIUM);
/** A page of a busy machine. */
const PATIENCE_MS = 90_000;
/** Of one wait of a page, whatever the test waits for: longer than any test. */
const PROTOCOL_MS = 600_000;

let started: Promise<Browser> | null = null;
const ending = new AsyncDisposableStack();
// Of the file whose tests ask for one.
afterAll(() => ending.disposeAsync());

/**
 * A page with cookies, storage and locks of its own, as a browser of somebody else has them.
 * @param whenOver of a test that runs beside others: theirs is not known here
 */
export async function openPage(whenOver: typeof onTestFinished = onTestFinished): Promise<Page> {
  started ??= begin();
  const context = await (await started).createBrowserContext();
  whenOver(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

async function begin(): Promise<Browser> {
  const network = ending.use(await BrowserNetwork.begin());
  const [program = "", ...enters] = network.enters;
  const browser = await launch({
    executablePath: program,
    ignoreDefaultArgs: true,
    // The suite runs as root, where Chromium has no sandbox; it sees pages of the test alone.
    args: [
      ...enters,
      CHROMIUM,
      ...(await defaultArgs()),
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-gpu",
      `--proxy-server=${network.proxyUrl}`,
      "--proxy-bypass-list=<-loopback>",
    ],
    pipe: true,
    timeout: PATIENCE_MS,
    protocolTimeout: PROTOCOL_MS,
  });
  return ending.adopt(browser, (one) => one.close());
}
