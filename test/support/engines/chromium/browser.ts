/**
 * Pages in the one Chromium of the run (`engines/chromium/chromium-server.ts`), driven over its own protocol. A process of the
 * suite connects to it once; what a test opens in it knows nothing of other tests, and is closed with that test.
 */
import { existsSync } from "node:fs";
import { connect as connectTo } from "node:net";
import { text } from "node:stream/consumers";
import { type Browser, type BrowserContext, connect, type Page } from "puppeteer-core";
import { inject, onTestFinished } from "vitest";
import { CHROMIUM } from "./chromium.ts";
import type { ChromiumReply } from "./chromium-server.ts";

/** What needs one is left out where it is not installed, and says so. */
export const hasBrowser = existsSync(CHROMIUM);
/** A page of a busy machine. */
const PATIENCE_MS = 90_000;
/** The bound of one wait of a page, whatever the test waits for: longer than any test. */
const PROTOCOL_MS = 600_000;

/** It ends with the process, whose files share it. */
let connected: Promise<Browser> | null = null;
/** Those of this process: others have theirs in the same browser. */
const contexts = new Set<BrowserContext>();

/**
 * A page with cookies, storage and locks of its own, as a browser of somebody else has them.
 * @param whenOver of a test that runs beside others: theirs is not known here
 */
export async function openPage(whenOver: typeof onTestFinished = onTestFinished): Promise<Page> {
  const context = await (await browser()).createBrowserContext();
  contexts.add(context);
  whenOver(async () => {
    await context.close();
    contexts.delete(context);
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

/** The one that the process is connected to, or another one where that has ended. */
async function browser(): Promise<Browser> {
  const last = await connected;
  if (last?.connected !== true) connected = connectToChromium(inject("chromiumSocket"));
  return await (connected ?? browser());
}

/** @param socket of a `ChromiumServer` */
export async function connectToChromium(socket: string): Promise<Browser> {
  const reply = JSON.parse(await text(connectTo(socket))) as ChromiumReply;
  if ("failure" in reply) throw new Error(reply.failure);
  return await connect({
    browserWSEndpoint: reply.endpoint,
    protocolTimeout: PROTOCOL_MS,
    // Each client is told of all pages, and a page of another file waits until this one has let it go.
    targetFilter: (target) => contexts.has(target.browserContext()),
  });
}
