/**
 * Where the API describes itself: /openapi.json for programs and /docs for people, both made from the schemas that
 * check the requests. Whoever asks the API's base alone is told where the two are.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { forEveryone, ok } from "../request/route.ts";
import { API_BASE } from "./api-base.ts";
import { makeDocument } from "./document.ts";
import { documentationPages } from "./page/page.ts";

const OPENAPI_PATH = "/openapi.json";
const DOCS_PATH = "/docs";
const MAX_QUESTION = 200;

const base = createRoute({
  ...forEveryone,
  method: "get",
  path: API_BASE,
  operationId: "getApi",
  tags: ["server"],
  summary: "Which API this is, and where it is described",
  responses: ok(
    "Name, version and the paths of its descriptions",
    z.object({ name: z.string(), version: z.string(), openapi: z.string(), docs: z.string() }).openapi("Api"),
  ),
});

const openApi = createRoute({
  ...forEveryone,
  method: "get",
  path: OPENAPI_PATH,
  operationId: "getOpenApi",
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
  operationId: "getDocumentation",
  tags: ["server"],
  summary: "This API as a page to read",
  request: {
    query: z.object({
      // Whatever is asked for, the page answers; what is too long to be found is cut.
      q: z
        .string()
        .transform((question) => question.slice(0, MAX_QUESTION))
        .optional(),
    }),
  },
  responses: { 200: { description: "The page", content: { "text/html": { schema: z.string() } } } },
});

export function registerDocumentation(app: ApiApp, deps: ApiDeps): void {
  const { version, publicUrl } = deps.config;
  // Made with the first request: all routes are registered by then, and none is afterwards.
  const document = once(() => makeDocument(app, { version, publicUrl }));
  const pages = once(() => documentationPages(document()));

  const answer = { name: "RemoteGPU", version, openapi: OPENAPI_PATH, docs: DOCS_PATH };
  app.openapi(base, (c) => c.json(answer, 200));
  app.openapi(openApi, (c) => c.json({ ...document() }, 200));
  app.openapi(docs, (c) => c.html(pages()(c.req.valid("query").q ?? ""), 200));
}

function once<Made>(make: () => Made): () => Made {
  let made: { value: Made } | undefined;
  return () => (made ??= { value: make() }).value;
}
