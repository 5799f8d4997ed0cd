/**
 * The dashboard on the real API and store, with hosts that a test speaks for (`worlds/control-scene.ts`), over a port for
 * a browser. What the browser complains of is kept: there must be nothing.
 */
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import type { Page } from "puppeteer-core";
import { onTestFinished } from "vitest";
import { openPage } from "../engines/chromium/browser.ts";
import type { Caller } from "../http/api.ts";
import { type ControlScene, openControlScene } from "../worlds/control-scene.ts";
import { servedDashboard } from "./built.ts";
import { type Language, speaks } from "./page-checks.ts";
import { HURRIED_POLLS } from "./page-polls.ts";

/** Often enough for a host to be heard. */
const BEAT_EVERY_MS = 5_000;
const COOKIE = /^([^=]+)=([^;]+);/;

export interface DashboardScene {
  control: ControlScene;
  url: string;
  /** A browser of its own, at the address; logged in as the caller where there is one. */
  open(path: string, as?: Caller, language?: Language): Promise<OpenedPage>;
  /** Likewise, and what the page polls it polls thirty times as often. */
  openHurried(path: string, as: Caller): Promise<OpenedPage>;
  /** A browser of its own that is logged in, and has loaded nothing yet. */
  loggedIn(as: Caller): Promise<OpenedPage>;
  close(): Promise<void>;
}

export interface OpenedPage {
  page: Page;
  complaints: string[];
}

/** @param given whoever opened it closes it */
export async function openDashboardScene(given?: ControlScene): Promise<DashboardScene> {
  const [control, dashboard] = await Promise.all([given ?? openControlScene(), servedDashboard()]);
  control.api.deps.config.dashboard = dashboard;
  const server = await openServer(control.api.app, { host: "127.0.0.1", port: 0, tls: null });
  const url = `http://localhost:${server.port}`;
  // Whatever time a browser takes on a busy machine, no host falls silent meanwhile.
  const beating = setInterval(() => {
    for (const host of control.hosts) host.beatAgain().catch(() => undefined);
  }, BEAT_EVERY_MS);
  // As whoever links to it knows it.
  control.api.deps.config.publicUrl = url;
  const loggedIn = async (as: Caller) => {
    const opened = await anew();
    await logIn(opened.page, url, as);
    return opened;
  };
  return {
    control,
    url,
    loggedIn,
    async open(path, as, language) {
      const opened = as === undefined ? await anew() : await loggedIn(as);
      if (language !== undefined) await speaks(opened.page, language);
      await opened.page.goto(url + path);
      return opened;
    },
    async openHurried(path, as) {
      const opened = await loggedIn(as);
      await opened.page.evaluateOnNewDocument(HURRIED_POLLS);
      await opened.page.goto(url + path);
      return opened;
    },
    async close() {
      clearInterval(beating);
      await server.close();
      if (given === undefined) await control.close();
    },
  };
}

async function anew(): Promise<OpenedPage> {
  const page = await openPage();
  reportFailure(page);
  return { page, complaints: complaintsOf(page) };
}

/** What is drawn, without its styles. */
const BODY = `(() => {
  const body = document.body.cloneNode(true);
  for (const one of body.querySelectorAll("style, svg, script")) one.remove();
  return body.innerHTML;
})()`;

/** What the page said, what it still waited for and what it had not been given, when its test failed. */
export function reportFailure(page: Page): void {
  const requested = new Set<string>();
  const failed: string[] = [];
  page.on("request", (request) => requested.add(request.url()));
  page.on("requestfinished", (request) => requested.delete(request.url()));
  page.on("requestfailed", (request) => {
    requested.delete(request.url());
    failed.push(`${request.url()} (${request.failure()?.errorText ?? "no reason"})`);
  });
  page.on("console", (message) => failed.push(message.text()));
  onTestFinished(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    const text = String(await page.evaluate(BODY).catch(String));
    process.stdout.write(
      `${page.url()} waits for ${[...requested].join(" ")}, was not given ${failed.join(" ")} and says: ${text}\n`,
    );
  });
}

/** As the page itself would, but no page is loaded for it: the session's cookie is put into the browser. */
export async function logIn(page: Page, url: string, { key }: { key: string }): Promise<void> {
  const { hostname, port } = new URL(url);
  const { status, headers } = await fetch(`http://127.0.0.1:${port}/api/v1/sessions`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Sec-Fetch-Site": "same-origin",
      "User-Agent": await page.browser().userAgent(),
    },
    body: JSON.stringify({ key }),
  });
  const [, name, value] = COOKIE.exec(headers.get("Set-Cookie") ?? "") ?? [];
  if (name === undefined || value === undefined) throw new Error(`the session was refused (${status})`);
  await page
    .browserContext()
    .setCookie({ name, value, domain: hostname, path: "/", httpOnly: true, sameSite: "Strict" });
}

export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Warning:|same key/.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}
