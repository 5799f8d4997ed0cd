/**
 * Where the API describes itself: /openapi.json for programs and /docs/reference for people, both made from the schemas
 * that check the requests; and the pages at /docs. The API's base names the addresses.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { forEveryone, ok } from "../request/route.ts";
import { API_BASE } from "../documentation/api-base.ts";
import { makeDocument } from "../documentation/document.ts";
import { DOCS_PATH, REFERENCE_PATH } from "../documentation/documentation-paths.ts";
import { documentationPages } from "../documentation/reference/reference.ts";
import { registerPages } from "../documentation/pages/pages.ts";

const OPENAPI_PATH = "/openapi.json";
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
    z
      .object({
        name: z.string().openapi({ description: "Which product this is", example: "RemoteGPU" }),
        version: z.string().openapi({ description: "Its version", example: "0.1.0" }),
        openapi: z
          .string()
          .openapi({ description: "Where the OpenAPI document is", example: "/openapi.json" }),
        docs: z.string().openapi({ description: "Where the page to read is", example: "/docs" }),
      })
      .openapi("Api"),
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

const query = z.object({
  // Whatever is searched for, the page answers; what is too long to be found is cut.
  q: z
    .string()
    .transform((question) => question.slice(0, MAX_QUESTION))
    .optional(),
});
const page = { 200: { description: "The page", content: { "text/html": { schema: z.string() } } } };

const docs = createRoute({
  ...forEveryone,
  method: "get",
  path: DOCS_PATH,
  operationId: "getDocumentation",
  tags: ["server"],
  summary: "The pages for customers, operators, developers and users of the API, or a search in them",
  request: { query },
  responses: page,
});

const reference = createRoute({
  ...forEveryone,
  method: "get",
  path: REFERENCE_PATH,
  operationId: "getApiReference",
  tags: ["server"],
  summary: "This API as a page to read",
  request: { query },
  responses: page,
});

export function registerDocumentation(app: ApiApp, deps: ApiDeps): void {
  const { version, publicUrl } = deps.config;
  // Made with the first request: all routes are registered by then, and none is afterwards.
  const document = once(() => makeDocument(app, { version, publicUrl }));
  const references = once(() => documentationPages(document()));
  const pages = registerPages(app);

  const answer = { name: "RemoteGPU", version, openapi: OPENAPI_PATH, docs: DOCS_PATH };
  app.openapi(base, (c) => c.json(answer, 200));
  app.openapi(openApi, (c) => c.json({ ...document() }, 200));
  app.openapi(docs, (c) => c.html(pages.index(c.req.valid("query").q ?? ""), 200));
  app.openapi(reference, (c) => c.html(references()(c.req.valid("query").q ?? ""), 200));
}

function once<Made>(make: () => Made): () => Made {
  let made: { value: Made } | undefined;
  return () => (made ??= { value: make() }).value;
}
