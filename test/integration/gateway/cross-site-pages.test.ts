/**
 * Pages of others in a real browser that is logged in to the dashboard and has come in to an environment: what they send
 * there with its cookies, from another site and from another port of the same machine, which a browser takes for the same
 * site. Nothing of it is done, and nothing is read.
 */
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { hasBrowser, openPage } from "../../support/engines/chromium/browser.ts";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
let web: WebScene;
/** Of the API and the dashboard. */
let url: string;
let attacker: number;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
  const server = await openServer(web.control.api.app, { host: "127.0.0.1", port: 0, tls: null });
  ending.defer(() => server.close());
  url = `http://localhost:${server.port}`;
  web.control.api.deps.config.publicUrl = url;
  const page = "<!doctype html><title>win</title><body></body>";
  const site = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(page));
  await once(site.listen(0, "127.0.0.1"), "listening");
  attacker = (site.address() as AddressInfo).port;
  ending.defer(() => {
    site.closeAllConnections();
    site.close();
  });
}, STORY_MS);
afterAll(() => ending.disposeAsync());

/** By the session's cookie, as the address bar asks. */
async function clientName(page: Page): Promise<number> {
  const me = (await (await page.goto(`${url}/api/v1/me`))?.json()) as { id: number };
  return me.id;
}

/** Logged in, and in the environment, with a page of the attacker's in front. */
async function victim(host: string): Promise<Page> {
  const page = await openPage();
  const opened = await web.control.api.request("POST", "/api/v1/sessions", {
    body: { key: web.owner.key },
    headers: { Origin: url },
  });
  const [name = "", value = ""] = (opened.headers.get("Set-Cookie") ?? "").split(/[=;]/);
  const stored = { name, value, domain: "localhost", httpOnly: true, sameSite: "Strict" } as const;
  await page.browserContext().setCookie({ ...stored, path: "/" });
  expect(await clientName(page)).toBe(web.owner.customerId);
  const link = await web.control.api.request("POST", `/api/v1/environments/${web.environment.id}/links`, {
    as: web.owner,
    body: { port: SERVICE_PORT },
  });
  await page.goto(link.body.url);
  expect(await page.evaluate(`fetch("/").then(({ status }) => status)`)).toBe(200);
  await page.goto(`http://${host}:${attacker}/`);
  return page;
}

const SITES: [string, string][] = [
  ["another site", "127.0.0.1"],
  ["another port of the same machine", "localhost"],
];

describe.skipIf(!hasBrowser)("a page of another's", { timeout: STORY_MS * 2 }, () => {
  /** What a form of that page is answered, in a frame that comes to the front. */
  const posts = async (
    page: Page,
    host: string,
    { action, type, fields }: { action: string; type: string; fields: string },
  ) => {
    await page.goto(`http://${host}:${attacker}/`);
    // The answer to a form before may still take the page's place.
    await page.waitForFunction("document.readyState === 'complete' && document.body !== null");
    const answered = page.waitForResponse((response) => response.url() === action);
    // Should the page be closed meanwhile, nobody is left to hear of it.
    answered.catch(() => undefined);
    await page.evaluate(
      `document.body.innerHTML = ${JSON.stringify(`<form method="post" enctype="${type}" action="${action}">${fields}</form>`)}; document.forms[0].submit()`,
    );
    return (await answered).status();
  };

  test.each(SITES)("of %s changes nothing at the API, and reads nothing of it", async (_what, host) => {
    const page = await victim(host);
    const api = `${url}/api/v1`;
    const json = JSON.stringify({ name: "stolen" });
    const fetched = (path: string, options: object) =>
      `fetch(${JSON.stringify(`${api}${path}`)}, ${JSON.stringify({ credentials: "include", ...options })}).then(async (answer) => answer.type + " " + (await answer.text()), (error) => error.name)`;

    const simple = { method: "POST", mode: "no-cors", body: json, headers: { "Content-Type": "text/plain" } };
    // That it is answered at all is not told to another origin (Cross-Origin-Resource-Policy).
    expect(await page.evaluate(fetched("/workspaces", simple))).toBe("TypeError");
    const asJson = { method: "POST", body: json, headers: { "Content-Type": "application/json" } };
    for (const [path, options] of [
      ["/workspaces", asJson],
      ["/workspaces", { ...asJson, headers: {} }],
      [`/environments/${web.environment.id}`, { method: "DELETE" }],
      ["/sessions/current", { method: "DELETE" }],
      ["/me", {}],
      ["/environments", { mode: "cors", cache: "reload" }],
    ] as const)
      expect(await page.evaluate(fetched(path, options))).toBe("TypeError");
    const opened = `new Promise((resolve) => { const events = new EventSource("${api}/stream?topics=environments", { withCredentials: true }); events.onmessage = () => resolve("read"); events.onopen = () => resolve("open"); events.onerror = () => resolve("refused"); })`;
    expect(await page.evaluate(opened)).toBe("refused");
    const framed = `new Promise((resolve) => { const frame = document.createElement("iframe"); frame.src = "${url}/"; frame.onload = () => { try { resolve(String(frame.contentDocument)); } catch (error) { resolve(error.name); } }; document.body.append(frame); })`;
    expect(await page.evaluate(framed)).toBe("null");
    const named = `<input name='{"name":"stolen","x":"' value='"}'>`;
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
      expect(
        await posts(page, host, { action: `${api}/workspaces`, type, fields: named }),
      ).toBeGreaterThanOrEqual(400);
    // A form that logs the victim in as somebody else would have them work for that one.
    const login = `<input name='{"key":"${web.control.api.admin.key}","x":"' value='"}'>`;
    expect(
      await posts(page, host, { action: `${api}/sessions`, type: "text/plain", fields: login }),
    ).toBeGreaterThanOrEqual(400);

    const { api: as } = web.control;
    const names = (await as.request("GET", "/api/v1/workspaces", { as: web.owner })).body.items;
    expect(JSON.stringify(names)).not.toContain("stolen");
    expect(
      (await as.request("GET", `/api/v1/environments/${web.environment.id}`, { as: web.owner })).body.status,
    ).toBe("running");
    expect(await clientName(page)).toBe(web.owner.customerId);
  });

  test.each(SITES)(
    "of %s reaches no program of the environment but by a link that is followed",
    async (_what, host) => {
      const page = await victim(host);
      const origin = `http://${web.hostOf(SERVICE_PORT)}`;
      // Whatever came would stay there, and be counted.
      const sent = (options: object) =>
        `fetch("${origin}/never", ${JSON.stringify({ credentials: "include", ...options })}).then((answer) => answer.type, (error) => error.name)`;
      expect(await page.evaluate(sent({ method: "POST", mode: "no-cors", body: "x" }))).toBe("opaque");
      expect(await page.evaluate(sent({ mode: "no-cors" }))).toBe("opaque");
      expect(await page.evaluate(sent({ method: "PUT" }))).toBe("TypeError");
      const loads = `new Promise((resolve) => { const image = new Image(); image.onload = image.onerror = resolve; image.src = "${origin}/never"; }).then(() => "over")`;
      expect(await page.evaluate(loads)).toBe("over");
      const events = `new Promise((resolve) => { const events = new EventSource("${origin}/events", { withCredentials: true }); events.onmessage = () => resolve("read"); events.onerror = () => { events.close(); resolve("refused"); }; })`;
      expect(await page.evaluate(events)).toBe("refused");
      const socket = `new Promise((resolve) => { const socket = new WebSocket("${origin.replace("http", "ws")}/ws"); socket.onopen = () => resolve("open"); socket.onerror = () => resolve("refused"); })`;
      expect(await page.evaluate(socket)).toBe("refused");
      // Without the cookie, or refused with it.
      expect([401, 403]).toContain(
        await posts(page, host, { action: `${origin}/never`, type: "text/plain", fields: "" }),
      );

      const reports = async (path: string) =>
        (await web.request(web.hostOf(SERVICE_PORT), path, { key: web.owner.key })).text;
      expect([await reports("/waiting"), await reports("/say")]).toEqual(["0", "0"]);
      await page.goto(`http://${host}:${attacker}/`);
      const followed = page.waitForNavigation();
      await page.evaluate(`location.href = "${origin}/?followed"`);
      expect((await followed)?.status()).toBe(200);
    },
  );
});
