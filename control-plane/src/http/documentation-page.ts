/** Renders an OpenAPI document as one HTML page without scripts. Every text passes through the html tag's escaping. */
import { html } from "hono/html";

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: unknown;
}

export interface Operation {
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { content?: Record<string, { schema?: unknown }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: unknown }> }>;
  "x-access"?: string;
  "x-idempotency-bound-seconds"?: number;
}

const METHODS = ["get", "post", "put", "patch", "delete"] as const;

export interface ApiDocument {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Partial<Record<(typeof METHODS)[number], Operation>>>;
  components?: { schemas?: Record<string, unknown> };
}

type Html = ReturnType<typeof html>;

export function documentationPage(document: ApiDocument): Html {
  const sections = [...byTag(document).entries()].map(
    ([tag, operations]) =>
      html`<h2 id="${tag}">${tag}</h2>
        ${operations.map(operationPart)}`,
  );
  const { title, version, description } = document.info;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} API</title>
        <style>
          body {
            font:
              16px/1.5 system-ui,
              sans-serif;
            max-width: 60rem;
            margin: 2rem auto;
            padding: 0 1rem;
          }
          summary {
            cursor: pointer;
            padding: 0.3rem 0;
          }
          code,
          pre {
            font:
              14px/1.45 ui-monospace,
              monospace;
          }
          pre {
            background: #f4f4f5;
            padding: 0.8rem;
            overflow-x: auto;
            border-radius: 6px;
          }
          .who {
            color: #666;
            font-size: 0.85rem;
          }
          h2 {
            margin-top: 2.2rem;
            border-bottom: 1px solid #ddd;
          }
        </style>
      </head>
      <body>
        <h1>${title} API ${version}</h1>
        <p>${description}</p>
        <p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>
        ${sections}
        <h2 id="schemas">Schemas</h2>
        ${Object.entries(document.components?.schemas ?? {}).map(
          ([name, schema]) =>
            html`<h3>${name}</h3>
              ${schemaPart(schema)}`,
        )}
      </body>
    </html>`;
}

interface Listed {
  method: string;
  path: string;
  operation: Operation;
}

function byTag(document: ApiDocument): Map<string, Listed[]> {
  const groups = new Map<string, Listed[]>();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation === undefined) continue;
      const tag = operation.tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), { method, path, operation }]);
    }
  }
  return groups;
}

function operationPart({ method, path, operation }: Listed): Html {
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  const answers = Object.entries(operation.responses ?? {}).filter(([status]) => status !== "default");
  return html`<details>
    <summary>
      <code><b>${method.toUpperCase()}</b> ${path}</code> ${operation.summary ?? ""}
      <span class="who">${operation["x-access"] ?? ""}</span>
    </summary>
    ${operation.description === undefined ? "" : html`<p>${operation.description}</p>`}
    ${(operation.parameters ?? []).map(parameterPart)}
    ${
      body === undefined
        ? ""
        : html`<p>Body</p>
            ${schemaPart(body)}`
    }
    ${answers.map(([status, answer]) => {
      const schema = Object.values(answer.content ?? {})[0]?.schema;
      return html`<p>${status}: ${answer.description ?? ""}</p>
        ${schema === undefined ? "" : schemaPart(schema)}`;
    })}
  </details>`;
}

function parameterPart(parameter: Parameter): Html {
  return html`<div>
    <code>${parameter.name}</code> (${parameter.in}${parameter.required === true ? ", required" : ""})
    ${parameter.description ?? ""}
  </div>`;
}

function schemaPart(schema: unknown): Html {
  return html`<pre>${JSON.stringify(schema, null, 2)}</pre>`;
}
