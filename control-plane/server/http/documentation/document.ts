/**
 * The OpenAPI document: what the route definitions and their zod schemas give, and on top of it what follows from them:
 * operation ids, named schemas, who may call, which problems may come, what each field means, and an example of each body.
 */
import { type KeyScope, scopeNeeded } from "../../core/accounts/key-scopes.ts";
import type { ApiApp } from "../deps.ts";
import { exampleOf } from "./examples.ts";
import { describeFields } from "./fields.ts";
import { nameSchemas } from "./named-schemas.ts";
import {
  type ApiDocument,
  contentOf,
  type Operation,
  type Parameter,
  type Route,
  routesOf,
} from "./openapi-document.ts";
import { operationId } from "./operation-ids.ts";
import { describeProblems } from "./problems.ts";
import { INTRODUCTION, SECURITY_SCHEME, TAGS, WHO } from "./texts.ts";

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "For 24 h the same key and body do it once and get the same answer",
  schema: { type: "string", maxLength: 200 },
  example: "order-2026-03-01-a",
};

export function makeDocument(
  app: ApiApp,
  { version, publicUrl }: { version: string; publicUrl: string },
): ApiDocument {
  const document = generated(app, { version, publicUrl });
  const routes = routesOf(document);
  for (const route of routes) {
    route.operation.operationId = operationId(route, document);
    completeOperation(route);
  }
  nameSchemas(document);
  describeProblems(document, routes);
  describeFields(document, routes);
  for (const { operation } of routes) addBodyExample(operation, document);
  return document;
}

function generated(app: ApiApp, { version, publicUrl }: { version: string; publicUrl: string }): ApiDocument {
  const document: unknown = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "RemoteGPU", version, description: INTRODUCTION },
    servers: [{ url: publicUrl }],
  });
  // A copy, since what was generated shares parts, and each is completed where it stands.
  const copy = JSON.parse(JSON.stringify(document)) as ApiDocument;
  copy.tags = Object.entries(TAGS).map(([name, description]) => ({ name, description }));
  copy.components = { ...copy.components, responses: {}, securitySchemes: { bearer: SECURITY_SCHEME } };
  return copy;
}

/** The role that a key must have stands where OpenAPI 3.1 has it: in the list beside the scheme. */
function completeOperation({ method, operation }: Route): void {
  const { "x-access": access, "x-scope": rule } = operation;
  const scope = rule === undefined ? null : scopeNeeded(rule, method.toUpperCase());
  // Routes are defined with a rule (core/accounts/key-scopes.ts); whoever reads wants to know the scope itself.
  if (rule !== undefined) operation["x-scope"] = scope ?? "any";
  operation.description = [operation.description, whoMay(access, scope)].filter(Boolean).join("\n\n");
  if (access === undefined || access === "public") return;
  operation.security = [{ bearer: [access, ...(scope === null ? [] : [scope])] }];
  if (method === "post")
    operation.parameters = [...(operation.parameters ?? []), idempotencyKeyOf(operation)];
}

function idempotencyKeyOf({ "x-idempotency-bound-seconds": bound }: Operation): Parameter {
  const parameter = structuredClone(IDEMPOTENCY_KEY);
  if (bound === undefined) return parameter;
  const description = `${parameter.description}; after a request that died the key is free in ${bound} s, and does it again`;
  return { ...parameter, description };
}

function whoMay(access: string | undefined, scope: KeyScope | null): string {
  const who = WHO[access ?? "public"] ?? "";
  return scope === null ? who : `${who} The key needs the scope ${scope}.`;
}

function addBodyExample({ requestBody }: Operation, document: ApiDocument): void {
  const content = contentOf(requestBody);
  if (content !== null) content.media.example ??= exampleOf(content.media.schema, document);
}
