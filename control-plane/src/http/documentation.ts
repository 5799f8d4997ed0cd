/**
 * /openapi.json, generated from the schemas that check the requests, and /docs, the same as one plain page. The
 * page is made here and loads nothing, so it is readable on a server without the internet.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiDeps } from "./deps.ts";
import { documentationPage, type ApiDocument } from "./documentation-page.ts";
import { forEveryone } from "./request/route.ts";

const openApi = createRoute({
  ...forEveryone,
  method: "get",
  path: "/openapi.json",
  tags: ["server"],
  summary: "This API as OpenAPI 3.1",
  responses: {
    200: { description: "The document", content: { "application/json": { schema: z.looseObject({}) } } },
  },
});

const docs = createRoute({
  ...forEveryone,
  method: "get",
  path: "/docs",
  tags: ["server"],
  summary: "This API as a page to read",
  responses: { 200: { description: "The page", content: { "text/html": { schema: z.string() } } } },
});

export function registerDocumentation(app: ApiApp, deps: ApiDeps): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  app.openapi(openApi, (c) => c.json(documentOf(app, deps), 200));
  app.openapi(docs, (c) => c.html(documentationPage(documentOf(app, deps)), 200));
}

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "For 24 h the same key and body get the same answer",
  schema: { type: "string", maxLength: 200 },
} as const;

function documentOf(app: ApiApp, deps: ApiDeps): ApiDocument & Record<string, unknown> {
  const generated: unknown = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "RemoteGPU",
      version: deps.config.version,
      description:
        "Money is a decimal as text, times are RFC 3339 in UTC, sizes are bytes. Errors are problem documents (RFC 9457).",
    },
    servers: [{ url: deps.config.publicUrl }],
  });
  const document = generated as ApiDocument & Record<string, unknown>;
  for (const { post } of Object.values(document.paths)) {
    if (post === undefined || post["x-access"] === "public") continue;
    post.parameters = [...(post.parameters ?? []), IDEMPOTENCY_KEY];
  }
  return document;
}
