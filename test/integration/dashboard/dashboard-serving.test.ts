/** What the server gives under / and at the addresses of pages: the page, its files, and nothing more. */
import { DashboardFiles } from "@remotegpu/control-plane/server/dashboard-files";
import { PAGE_PATHS } from "@remotegpu/control-plane/server/http/dashboard/page-paths";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { servedDashboard } from "../../support/dashboard/built.ts";
import { eventually } from "../../support/eventually.ts";
import { type ApiWorld, openApi, problem } from "../../support/http/api.ts";
import { quietLog } from "../../support/quiet-log.ts";

let api: ApiWorld;
let script: string;

beforeAll(async () => {
  api = await openApi({ dashboard: await servedDashboard() });
  const { body } = await api.request("GET", "/");
  script = /href="(\/assets\/frame-[^"]+\.js)"/.exec(body)?.[1] ?? "";
});
afterAll(() => api.close());

test.each(["/", ...PAGE_PATHS.map((path) => path.replace(":id", "env-1"))])(
  "%s is the page",
  async (path) => {
    const { status, body, headers } = await api.request("GET", path);

    expect([status, headers.get("Content-Type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(body).toContain('<div id="root">');
    expect(headers.get("Cache-Control")).toBe("no-cache");
    expect(headers.get("Content-Security-Policy")).toBe(
      "default-src 'none'; base-uri 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; worker-src 'self'; form-action 'self'; frame-ancestors 'none'",
    );
  },
);

test("the page's addresses are the server's", () => {
  const registry = readFileSync(
    new URL("../../../control-plane/dashboard/src/layout/pages.ts", import.meta.url),
    "utf8",
  );
  const paths = [...registry.matchAll(/\{ path: "([^"]+)"/g)].map(([, path = ""]) => path);
  const served = new Set<string>(PAGE_PATHS);

  expect(paths).toContain("/queue");
  expect(paths.filter((path) => !served.has(path))).toEqual([]);
});

test("a file of it is cached for ever, and packed for whoever can unpack it", async () => {
  const plain = await api.request("GET", script);
  const packed = await api.app.request(script, { headers: { "Accept-Encoding": "br, gzip" } });

  expect(plain.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
  expect(plain.headers.get("Content-Type")).toBe("text/javascript; charset=utf-8");
  expect(packed.headers.get("Content-Encoding")).toBe("gzip");
  const bytes = Buffer.from(await packed.arrayBuffer());
  expect(gunzipSync(bytes).toString()).toBe(plain.body);
  expect(bytes.length).toBeLessThan(plain.body.length / 2);
});

test("the page is not sent again to who has it", async () => {
  const { headers } = await api.request("GET", "/fleet");
  const again = await api.request("GET", "/queue", {
    headers: { "If-None-Match": headers.get("ETag") ?? "" },
  });

  expect([again.status, again.body]).toEqual([304, ""]);
});

test.each([
  "/assets/none.js",
  "/assets/..%2findex.html",
  "/.vite/manifest.json",
  "/index.html",
  "/fleet/more",
  "/hosts",
  "/nothing",
])("%s is nothing", async (path) => {
  expect(await api.request("GET", path)).toMatchObject(problem(404));
});

test("of the page and its being built, nothing runs but files of this server", async () => {
  const building = await openApi({ dashboard: () => ({ state: "building" }) });
  onTestFinished(() => building.close());
  const built = await api.request("GET", "/fleet");
  const before = await building.request("GET", "/fleet");

  for (const { body } of [built, before]) {
    expect(body).not.toMatch(/<script(?![^>]*\ssrc="\/)|\son[a-z]+=|javascript:/i);
    expect(body).toContain("<title>RemoteGPU");
  }
  expect([before.status, before.headers.get("Content-Security-Policy")]).toEqual([
    503,
    built.headers.get("Content-Security-Policy"),
  ]);
  expect(built.headers.get("X-Content-Type-Options")).toBe("nosniff");
});

test("the head of the page and of a file is what they have, without them", async () => {
  for (const path of ["/", "/queue", script]) {
    const [head, whole] = [await api.request("HEAD", path), await api.request("GET", path)];
    expect([head.status, head.body]).toEqual([200, ""]);
    for (const name of ["ETag", "Content-Type", "Cache-Control", "Content-Security-Policy"])
      expect([name, head.headers.get(name)]).toEqual([name, whole.headers.get(name)]);
  }
});

describe("an address of nothing", () => {
  const people = { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

  test.each(["/nothing", "/fleet/more", "/hosts", "/index.html", "/..%2f..%2fetc%2fpasswd"])(
    "%s is the page for a person, which states there that nothing is, and no page",
    async (path) => {
      const { status, body, headers } = await api.request("GET", path, { headers: people });

      expect([status, headers.get("Content-Type")]).toEqual([404, "text/html; charset=utf-8"]);
      expect(body).toContain('<div id="root">');
      expect(headers.get("Content-Security-Policy")).toContain("script-src 'self'; style-src");
      expect([headers.get("Cache-Control"), headers.get("ETag")]).toEqual(["no-cache", null]);
    },
  );

  test.each(["/assets/none.js", "/assets/..%2findex.html", "/api/v1/nothing"])(
    "%s is none of them for a person, either",
    async (path) => {
      expect(await api.request("GET", path, { headers: people })).toMatchObject(problem(404));
    },
  );

  test("is a problem for whoever posts there, and where there is no dashboard", async () => {
    const none = await openApi();
    onTestFinished(() => none.close());

    expect(await api.request("POST", "/nothing", { headers: people, body: {} })).toMatchObject(problem(404));
    expect(await none.request("GET", "/nothing", { headers: people })).toMatchObject(problem(404));
  });
});

test("what is not the dashboard keeps the narrower policy", async () => {
  for (const path of ["/docs", "/healthz", "/api/v1"]) {
    const { headers } = await api.request("GET", path);
    expect(headers.get("Content-Security-Policy")).not.toContain("script-src");
  }
});

test("another method than GET is refused at its addresses", async () => {
  const { status, headers } = await api.request("POST", "/fleet", { body: {} });

  expect([status, headers.get("Allow")]).toEqual([405, "GET"]);
});

describe("before it is built", () => {
  test("/ reports so and polls, until it is there", async () => {
    const state = mkdtempSync(join(tmpdir(), "remotegpu-dashboard-"));
    onTestFinished(() => rmSync(state, { recursive: true, force: true }));
    const files = new DashboardFiles(state, quietLog);
    onTestFinished(() => files.end());
    const world = await openApi({ dashboard: () => files.served() });
    onTestFinished(() => world.close());

    const first = await world.request("GET", "/");

    expect([first.status, first.headers.get("Cache-Control")]).toEqual([503, "no-store"]);
    const [, again = ""] = /<script src="([^"]+)">/.exec(first.body) ?? [];
    const script = await world.request("GET", again);
    expect([script.status, script.headers.get("Content-Type")]).toEqual([
      200,
      "text/javascript; charset=utf-8",
    ]);
    await eventually(async () => (await world.request("GET", "/")).status === 200, {
      what: "the built page",
    });
  });

  test("where it cannot be built, / leads to the API's description", async () => {
    const world = await openApi({ dashboard: () => ({ state: "missing" }) });
    onTestFinished(() => world.close());

    const { status, headers } = await world.request("GET", "/fleet");

    expect([status, headers.get("Location")]).toEqual([302, "/docs"]);
  });
});
