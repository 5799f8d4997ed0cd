/**
 * Pages of services in a browser: those below paths share an origin with each other, and so have none of their own; those
 * below names of their own have one each. What they would do with others' is tried in a real one.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { SANDBOX } from "@remotegpu/control-plane/server/core/gateway/services/shared-origin";
import { hasBrowser, openPage } from "../../support/engines/chromium/browser.ts";
import { freePort } from "../../support/engines/free-ports.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
let web: WebScene;
let served: ServedScene;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
  const config = { public: true, cors_origins: ["https://app.example"] };
  served = ending.use(await ServedScene.begin(web, { replicas: 1, config }));
}, STORY_MS);
afterAll(() => ending.disposeAsync());

type Message = { type?: string; status?: number; headers?: readonly string[] };

const MANY = Object.fromEntries(Array.from({ length: 205 }, (_, nth) => [`X-${nth}`, "1"]));

/** A path at which the replica says so. */
function withText(body: string, { type = "text/html", status = 200, headers = [] }: Message = {}): string {
  const requested = new URLSearchParams({ body, type, status: String(status) });
  for (const header of headers) requested.append("header", header);
  return `/page?${requested.toString()}`;
}

describe("below a path each answer is sandboxed, with nothing in front of that", () => {
  const preflight = { Origin: "https://app.example", "Access-Control-Request-Method": "POST" };
  const page = { Accept: "text/html" };

  test.each<[string, string, { method?: string; headers?: Record<string, string>; body?: string }, number]>([
    ["a page", withText("<p>"), {}, 200],
    ["a page that is asked for with a body", withText("<p>"), { method: "POST", body: "x" }, 200],
    ["an image that may be a page", withText("<svg/>", { type: "image/svg+xml" }), {}, 200],
    ["what is XML", withText("<x/>", { type: "application/xml" }), {}, 200],
    ["an error", withText("<p>", { status: 404 }), {}, 404],
    ["what is as it was", withText("", { status: 304 }), {}, 304],
    ["a redirect", withText("", { status: 302, headers: ["Location: /services/x/"] }), {}, 302],
    [
      "what would let itself out",
      withText("", { headers: ["Content-Security-Policy: script-src *"] }),
      {},
      200,
    ],
    [
      "what takes its policy back",
      withText("", { headers: ["Connection: content-security-policy"] }),
      {},
      200,
    ],
    ["nothing sound", "/garbage", { headers: page }, 502],
    ["a question of a browser", "/", { method: "OPTIONS", headers: preflight }, 204],
    ["what cannot be understood", "/", { headers: { ...page, ...MANY } }, 431],
  ])("%s", async (_what, path, options, status) => {
    const answer = await served.open(path, { key: null, ...options });
    await text(answer);

    expect(answer.statusCode).toBe(status);
    expect(answer.headersDistinct["content-security-policy"]?.[0]).toMatch(new RegExp(`^${SANDBOX}($|; )`));
  });

  test.each(["/services", "/services/", "/services/svc-none/", "/services/%2e%2e/x"])("%s", async (path) => {
    const { status, headers } = await web.request(web.base.domain, path, { headers: page });

    expect(status).toBe(404);
    expect(headers["content-security-policy"]).toMatch(new RegExp(`^${SANDBOX}; `));
  });

  test.each(["", "/worker.js"])(
    "a service worker of before, whose browser lets go of it: %s",
    async (path) => {
      const { status, headers } = await served.request(path, { headers: { "Service-Worker": "script" } });

      expect([status, headers["clear-site-data"]]).toEqual([404, '"cache", "storage"']);
      expect(headers["content-security-policy"]).toMatch(new RegExp(`^${SANDBOX}; `));
    },
  );

  test("what refuses a WebSocket", async () => {
    const head = `GET /services/${served.id}/refused HTTP/1.1\r\nHost: ${web.base.domain}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    const output = await text(await web.raw(head));

    expect(output).toMatch(/^HTTP\/1\.1 403 /);
    expect(output.toLowerCase()).toContain(`\r\ncontent-security-policy: ${SANDBOX}\r\n`);
  });
});

/** Writes into the title what it could do. */
const TRIES = `
  const can = (what) => { try { return String(what()); } catch (error) { return error.name; } };
  const found = {
    origin: self.origin,
    reads: can(() => localStorage.getItem("secret")),
    cookies: can(() => document.cookie),
    keeps: can(() => { localStorage.setItem("own", "mine"); return localStorage.getItem("own"); }),
    sets: can(() => { document.cookie = "own=mine; path=/"; return document.cookie; }),
    worker: can(() => navigator.serviceWorker.register("worker.js").catch(() => undefined) && "asked"),
  };
  const asked = fetch(OTHER, { credentials: "include" }).then((answer) => answer.text(), (error) => error.name);
  asked.then((other) => { document.title = JSON.stringify({ ...found, other }); });
`;
const PLANTS = `localStorage.setItem("secret", "of another"); document.cookie = "secret=of-another; path=/"`;
const WORKER = `addEventListener("fetch", (event) => event.respondWith(
  new Response("<title>of before</title>", { headers: { "Content-Type": "text/html" } })));`;
const REGISTERS = `navigator.serviceWorker.register("worker.js").then(() => navigator.serviceWorker.ready).then(() => 1)`;
const COUNTS = "navigator.serviceWorker.getRegistrations().then((those) => those.length === 0)";
const NONE = {
  origin: "null",
  reads: "SecurityError",
  cookies: "SecurityError",
  keeps: "SecurityError",
  sets: "SecurityError",
  worker: "SecurityError",
  other: "TypeError",
};

/** What that script found, in whatever document it stands. */
async function found(page: Page, url: string): Promise<object> {
  await page.goto(url);
  await page.waitForFunction(`document.title.startsWith("{")`);
  return JSON.parse(await page.title()) as object;
}

describe.skipIf(!hasBrowser)("a page of a service", { timeout: STORY_MS * 2 }, () => {
  const script = (other: string) => `<script>const OTHER = ${JSON.stringify(other)};${TRIES}</script>`;
  const documents: [string, (other: string) => string, Message][] = [
    ["HTML", script, {}],
    ["an error", script, { status: 500 }],
    [
      "XML",
      (other) =>
        `<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body><script><![CDATA[const OTHER = ${JSON.stringify(other)};${TRIES}]]></script></body></html>`,
      { type: "application/xhtml+xml" },
    ],
    [
      "an image",
      (other) =>
        `<svg xmlns="http://www.w3.org/2000/svg"><title/><script><![CDATA[const OTHER = ${JSON.stringify(other)};${TRIES}]]></script></svg>`,
      { type: "image/svg+xml" },
    ],
    [
      "HTML that would let itself out",
      script,
      {
        headers: [
          "Content-Security-Policy: sandbox allow-scripts allow-same-origin",
          "Content-Security-Policy: , sandbox allow-scripts allow-same-origin;",
          "Connection: content-security-policy",
          "Set-Cookie: planted=1; Path=/",
          "Service-Worker-Allowed: /",
        ],
      },
    ],
  ];

  test.each(documents)(
    "that is %s has nothing of another's below the same origin, nor of the dashboard's",
    async (_what, written, output) => {
      const page = await openPage();
      const port = new URL(`http://${web.base.domain}`).port;
      for (const host of ["127.0.0.1", "localhost"]) {
        const origin = `http://${host}:${port}`;
        // As the dashboard of the same machine may have them, or a service from before.
        await page.goto(`${origin}/healthz`);
        await page.evaluate(PLANTS);

        const other = `${origin}/services/${served.id}/`;
        const url = `${origin}/services/${served.id}${withText(written(other), output)}`;
        expect(await found(page, url)).toEqual(NONE);
        expect(await page.browserContext().cookies()).not.toContainEqual(
          expect.objectContaining({ name: "planted" }),
        );
      }
    },
  );

  test("is of no service worker that was registered there before answers were sandboxed", async () => {
    const port = await freePort();
    const url = `http://localhost:${port}/services/${served.id}/`;
    const before = createServer(({ url: requested = "" }, response) => {
      const [type, body] = requested.endsWith("worker.js")
        ? ["text/javascript", WORKER]
        : ["text/html", "<p>"];
      response.writeHead(200, { "Content-Type": type }).end(body);
    }).listen(port, "127.0.0.1");
    await once(before, "listening");
    const page = await openPage();
    await page.goto(url);
    await page.evaluate(REGISTERS);
    before.closeAllConnections();
    await new Promise((resolve) => before.close(resolve));
    const base = { scheme: "http", domain: `localhost:${port}` } as const;
    const listen = { address: "127.0.0.1", port, certificate: null };
    const gateway = await web.anotherGateway({ base, listen });
    onTestFinished(() => gateway.close());

    await page.goto(url);
    expect(await page.title()).toBe("of before");
    // The browser looks by itself whether the worker has changed.
    await page.waitForFunction(COUNTS);
    await page.goto(url);

    expect(await page.title()).not.toBe("of before");
    expect(await page.evaluate("self.origin")).toBe("null");
  });

  test("below a name of its own keeps what is its own, and has nothing of another's", async () => {
    const port = await freePort();
    const serviceDomain = { scheme: "http", domain: `services.localhost:${port}` } as const;
    const listen = { address: "127.0.0.1", port, certificate: null };
    const gateway = await web.anotherGateway({ serviceDomain, listen });
    onTestFinished(() => gateway.close());
    await using another = await ServedScene.begin(web, { replicas: 1, config: { public: true } });
    const originOf = ({ id }: ServedScene) => `http://${id}.${serviceDomain.domain}`;
    const page = await openPage();
    await page.goto(`${originOf(another)}/`);
    await page.evaluate(PLANTS);

    const url = `${originOf(served)}${withText(script(`${originOf(another)}/`))}`;

    expect(await found(page, url)).toMatchObject({
      origin: originOf(served),
      reads: "null",
      keeps: "mine",
      other: "TypeError",
    });
  });
});
