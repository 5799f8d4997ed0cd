/**
 * Serves the dashboard: one page at all of its addresses, and its hashed files, which never change. The page asks the API
 * for all that it shows; nothing of it is made here.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { API_BASE } from "../documentation/api-base.ts";
import { DOCS_PATH, REFERENCE_PATH } from "../documentation/documentation-paths.ts";
import { notFound } from "../request/refusal.ts";
import { forEveryone } from "../request/route.ts";
import { ASSETS_PATH, PAGE_PATHS } from "./page-paths.ts";
import type { DashboardFile } from "../served-dashboard.ts";

const PAGE_FILE = "/index.html";
const FOREVER = "public, max-age=31536000, immutable";
const RETRY_SECONDS = 2;

const root = createRoute({
  ...forEveryone,
  method: "get",
  path: "/",
  operationId: "getRoot",
  tags: ["server"],
  summary: "The dashboard; where it could not be built, this leads to the page to read",
  responses: {
    200: { description: "The dashboard's page", content: { "text/html": { schema: z.string() } } },
    302: { description: "To the page to read" },
    304: { description: "It is still the one that If-None-Match names" },
    503: {
      description: "It is being built; this page retries by itself",
      content: { "text/html": { schema: z.string() } },
    },
  },
});

/** Loads the address again, ticket and all: a page's own refresh goes nowhere where the address has a fragment. */
const CHECK_AGAIN_PATH = `${ASSETS_PATH}look-again.js`;
const CHECK_AGAIN = `setTimeout(() => location.reload(), ${RETRY_SECONDS * MS_PER_SECOND});\n`;

const BEING_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>RemoteGPU</title>
<script src="${CHECK_AGAIN_PATH}"></script>
<style>body{font:1rem/1.6 system-ui,sans-serif;margin:20vh auto;max-width:30rem;padding:0 1rem}</style>
<h1>RemoteGPU</h1>
<p>The dashboard is being built, which takes some seconds. This page looks again by itself.</p>
<p lang="zh-CN">控制台正在构建，需要几秒钟。本页会自动刷新。</p>
<p><a href="${REFERENCE_PATH}">The API</a> serves already.</p>
</html>
`;

export function registerDashboard(app: ApiApp, deps: ApiDeps): void {
  app.openapi(root, (c) => sendPage(c, deps));
  for (const path of PAGE_PATHS) app.get(path, (c) => sendPage(c, deps));
  app.get(CHECK_AGAIN_PATH, (c) =>
    c.body(CHECK_AGAIN, 200, { "Content-Type": "text/javascript; charset=utf-8" }),
  );
  app.get(`${ASSETS_PATH}:file`, (c) => {
    const dashboard = deps.config.dashboard();
    const found = dashboard.state === "built" ? dashboard.files.get(c.req.path) : undefined;
    if (found === undefined) throw notFound("named-dashboard-file");
    return sendFile(c, found, FOREVER);
  });
}

/** Who followed a link that leads nowhere, or mistyped an address: null where a program asks, or about other things. */
export function sendUnknownPage(c: ApiContext, deps: ApiDeps): Response | null {
  const isPerson = c.req.method === "GET" && /\btext\/html\b/.test(c.req.header("Accept") ?? "");
  if (!isPerson || [`${API_BASE}/`, ASSETS_PATH].some((other) => c.req.path.startsWith(other))) return null;
  const dashboard = deps.config.dashboard();
  const page = dashboard.state === "built" ? dashboard.files.get(PAGE_FILE) : undefined;
  if (page === undefined) return null;
  c.set("isPage", true);
  return c.body(page.body, 404, { "Content-Type": page.type, "Cache-Control": "no-cache" });
}

function sendPage(c: ApiContext, deps: ApiDeps): Response {
  const dashboard = deps.config.dashboard();
  if (dashboard.state === "missing") return c.redirect(DOCS_PATH, 302);
  const page = dashboard.state === "built" ? dashboard.files.get(PAGE_FILE) : undefined;
  if (page !== undefined) return sendFile(c, page, "no-cache");
  c.header("Retry-After", String(RETRY_SECONDS));
  c.header("Cache-Control", "no-store");
  return c.html(BEING_BUILT, 503);
}

function sendFile(c: ApiContext, file: DashboardFile, cacheControl: string): Response {
  const headers = { "Cache-Control": cacheControl, ETag: file.etag, Vary: "Accept-Encoding" };
  const known = c.req.header("If-None-Match") ?? "";
  if (known.split(",").some((one) => one.trim().replace(/^W\//, "") === file.etag))
    return c.body(null, 304, headers);
  const isPacked = file.packed !== null && /\bgzip\b/.test(c.req.header("Accept-Encoding") ?? "");
  return c.body(isPacked && file.packed !== null ? file.packed : file.body, 200, {
    ...headers,
    "Content-Type": file.type,
    ...(isPacked && { "Content-Encoding": "gzip" }),
  });
}
