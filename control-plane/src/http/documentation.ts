/**
 * /openapi.json, generated from the schemas that check the requests, and /docs, the same as one plain page. The
 * page is made here and loads nothing, so it is readable on a server without the internet. Whoever asks the API's base
 * alone is told where they are.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiDeps } from "./deps.ts";
import { documentationPage, type ApiDocument } from "./documentation-page.ts";
import { forEveryone, ok } from "./request/route.ts";

export const API_BASE = "/api/v1";
const TITLE = "RemoteGPU";
const OPENAPI_PATH = "/openapi.json";
const DOCS_PATH = "/docs";

const base = createRoute({
  ...forEveryone,
  method: "get",
  path: API_BASE,
  tags: ["server"],
  summary: "Which API this is, and where it is described",
  responses: ok(
    "Name, version and the paths of its descriptions",
    z.object({ name: z.string(), version: z.string(), openapi: z.string(), docs: z.string() }),
  ),
});

const openApi = createRoute({
  ...forEveryone,
  method: "get",
  path: OPENAPI_PATH,
  tags: ["server"],
  summary: "This API as OpenAPI 3.1",
  responses: {
    200: { description: "The document", content: { "application/json": { schema: z.looseObject({}) } } },
  },
});

const docs = createRoute({
  ...forEveryone,
  method: "get",
  path: DOCS_PATH,
  tags: ["server"],
  summary: "This API as a page to read",
  responses: { 200: { description: "The page", content: { "text/html": { schema: z.string() } } } },
});

export function registerDocumentation(app: ApiApp, deps: ApiDeps): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  const answer = { name: TITLE, version: deps.config.version, openapi: OPENAPI_PATH, docs: DOCS_PATH };
  app.openapi(base, (c) => c.json(answer, 200));
  app.openapi(openApi, (c) => c.json(documentOf(app, deps), 200));
  app.openapi(docs, (c) => c.html(documentationPage(documentOf(app, deps)), 200));
}

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "For 24 h the same key and body do it once and get the same answer",
  schema: { type: "string", maxLength: 200 },
} as const;

function idempotencyKeyOf({
  "x-idempotency-bound-seconds": bound,
}: {
  "x-idempotency-bound-seconds"?: number;
}) {
  if (bound === undefined) return IDEMPOTENCY_KEY;
  const description = `${IDEMPOTENCY_KEY.description}; after a request that died the key is free in ${bound} s, and does it again`;
  return { ...IDEMPOTENCY_KEY, description };
}

function documentOf(app: ApiApp, deps: ApiDeps): ApiDocument & Record<string, unknown> {
  const generated: unknown = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: TITLE,
      version: deps.config.version,
      description:
        "Money is a decimal as text, times are RFC 3339 in UTC, sizes are bytes. Errors are problem documents (RFC 9457).",
    },
    servers: [{ url: deps.config.publicUrl }],
  });
  const document = generated as ApiDocument & Record<string, unknown>;
  for (const { post } of Object.values(document.paths)) {
    if (post === undefined || post["x-access"] === "public") continue;
    post.parameters = [...(post.parameters ?? []), idempotencyKeyOf(post)];
  }
  return document;
}
