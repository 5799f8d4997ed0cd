/**
 * The dashboard on the real API and store, with hosts that a test speaks for (`worlds/control-scene.ts`), over a port for
 * a browser. What the browser complains of is kept: there must be nothing.
 */
import { openServer } from "@remotegpu/control-plane/http/server/server";
import type { Page } from "puppeteer-core";
import { onTestFinished } from "vitest";
import { openPage } from "../browser.ts";
import type { Caller } from "../http/api.ts";
import { type ControlScene, openControlScene } from "../worlds/control-scene.ts";
import { servedDashboard } from "./built.ts";

/** Often enough for a host to be heard. */
const BEAT_EVERY_MS = 5_000;

export interface DashboardScene {
  control: ControlScene;
  url: string;
  /** A browser of its own; logged in as the caller where there is one, at the address. */
  open(path: string, as?: Caller): Promise<{ page: Page; complaints: string[] }>;
  close(): Promise<void>;
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
  return {
    control,
    url,
    async open(path, as) {
      const page = await openPage();
      const complaints = complaintsOf(page);
      tellWhatFailed(page);
      if (as !== undefined) await logIn(page, url, as);
      await page.goto(url + path);
      return { page, complaints };
    },
    async close() {
      clearInterval(beating);
      await server.close();
      if (given === undefined) await control.close();
    },
  };
}

/** What is drawn, without its styles. */
const BODY = `(() => {
  const body = document.body.cloneNode(true);
  for (const one of body.querySelectorAll("style, svg, script")) one.remove();
  return body.innerHTML;
})()`;

/** What the page said, what it still waited for and what it had not been given, when its test failed. */
export function tellWhatFailed(page: Page): void {
  const asked = new Set<string>();
  const failed: string[] = [];
  page.on("request", (request) => asked.add(request.url()));
  page.on("requestfinished", (request) => asked.delete(request.url()));
  page.on("requestfailed", (request) => {
    asked.delete(request.url());
    failed.push(`${request.url()} (${request.failure()?.errorText ?? "no reason"})`);
  });
  page.on("console", (message) => failed.push(message.text()));
  onTestFinished(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    const text = String(await page.evaluate(BODY).catch(String));
    process.stdout.write(
      `${page.url()} waits for ${[...asked].join(" ")}, was not given ${failed.join(" ")} and says: ${text}\n`,
    );
  });
}

/** As the page itself would, without typing. */
export async function logIn(page: Page, url: string, { key }: { key: string }): Promise<void> {
  await page.goto(`${url}/assets/licences.txt`);
  const status = await page.evaluate(
    `fetch("/api/v1/sessions", { method: "POST", headers: { "Content-Type": "application/json" }, body: ${JSON.stringify(
      JSON.stringify({ key }),
    )} }).then(({ status }) => status)`,
  );
  if (status !== 201) throw new Error(`the session was refused (${String(status)})`);
}

export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Warning:|same key/.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}
