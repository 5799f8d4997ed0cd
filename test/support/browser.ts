/** Debian's Chromium without a window, driven over its own protocol; what is opened is closed with the test that opened it. */
import { existsSync } from "node:fs";
import { type Browser, launch, type Page } from "puppeteer-core";
import { onTestFinished } from "vitest";

const CHROMIUM = "/usr/bin/chromium";
/** What needs one is left out where it is not installed, and says so. */
export const hasBrowser = existsSync(CHROMIUM);
/** A page of a busy machine. */
const PATIENCE_MS = 60_000;
/** Of one wait of a page, whatever the test waits for: longer than any test. */
const PROTOCOL_MS = 600_000;

/** A page of a browser of its own, which knows nobody's cookies. */
export async function openPage(): Promise<Page> {
  const browser: Browser = await launch({
    executablePath: CHROMIUM,
    // The suite runs as root, where Chromium has no sandbox; it sees pages of the test alone.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    timeout: PATIENCE_MS,
    protocolTimeout: PROTOCOL_MS,
  });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}
