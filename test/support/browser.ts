/**
 * Debian's Chromium without a window, driven over its own protocol. A test file starts it once; what a test opens in it knows
 * nothing of other tests, and is closed with that test.
 */
import { existsSync } from "node:fs";
import { type Browser, launch, type Page } from "puppeteer-core";
import { afterAll, onTestFinished } from "vitest";

const CHROMIUM = "/usr/bin/chromium";
/** What needs one is left out where it is not installed, and says so. */
export const hasBrowser = existsSync(CHROMIUM);
/** A page of a busy machine. */
const PATIENCE_MS = 90_000;
/** Of one wait of a page, whatever the test waits for: longer than any test. */
const PROTOCOL_MS = 600_000;

let started: Promise<Browser> | null = null;
// Of the file whose tests ask for one.
afterAll(async () => await (await started)?.close());

/** A page with cookies, storage and locks of its own, as a browser of somebody else has them. */
export async function openPage(): Promise<Page> {
  const context = await (await browser()).createBrowserContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

/** Started for the first who asks, and again where it has ended itself. */
async function browser(): Promise<Browser> {
  const running = await started?.catch(() => null);
  if (running?.connected === true) return running;
  started = launch({
    executablePath: CHROMIUM,
    // The suite runs as root, where Chromium has no sandbox; it sees pages of the test alone.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    timeout: PATIENCE_MS,
    protocolTimeout: PROTOCOL_MS,
  });
  return await started;
}
