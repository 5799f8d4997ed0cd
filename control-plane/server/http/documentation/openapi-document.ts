/** The parts of an OpenAPI 3.1 document that ours has, and the few questions that all who work on it ask. */
import type { ScopeRule } from "../../core/accounts/key-scopes.ts";

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  example?: unknown;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  propertyNames?: Schema;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema: Schema;
  example?: unknown;
}

interface Media {
  schema: Schema;
  example?: unknown;
}

export interface ResponsePart {
  $ref?: string;
  description?: string;
  content?: Record<string, Media>;
  /** The status and title of a problem. */
  "x-status"?: number;
  "x-title"?: string;
}

export interface Operation {
  operationId?: string;
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<string, ResponsePart>;
  security?: Record<string, string[]>[];
  /** Who may call it: public, customer or admin. */
  "x-access"?: string;
  /** What a key must be allowed besides, where keys are limited. */
  "x-scope"?: ScopeRule;
  "x-idempotency-bound-seconds"?: number;
  /** Statuses of problems beyond those that follow from what kind of route it is. */
  "x-problems"?: number[];
}

const METHODS = ["get", "post", "put", "patch", "delete"] as const;
export type Method = (typeof METHODS)[number];

export interface ApiDocument {
  openapi: string;
  info: { title: string; version: string; description: string };
  servers: { url: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, Partial<Record<Method, Operation>>>;
  components: {
    schemas: Record<string, Schema>;
    responses: Record<string, ResponsePart>;
    securitySchemes?: Record<string, unknown>;
  };
}

export interface Route {
  method: Method;
  path: string;
  operation: Operation;
}

export function routesOf(document: ApiDocument): Route[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [{ method, path, operation }];
    }),
  );
}

const SCHEMAS = "#/components/schemas/";

export function refTo(name: string): Schema {
  return { $ref: SCHEMAS + name };
}

/** The name of the component that this refers to. */
export function refName({ $ref }: Schema): string | null {
  return $ref?.startsWith(SCHEMAS) === true ? $ref.slice(SCHEMAS.length) : null;
}

/** The schema itself, where this only refers to it. */
export function resolved(schema: Schema, document: ApiDocument): Schema {
  const name = refName(schema);
  return name === null ? schema : (document.components.schemas[name] ?? schema);
}

export const JSON_TYPE = "application/json";

/** What a body or an answer holds, and as which type. */
export function contentOf(part: { content?: Record<string, Media> } | undefined): {
  type: string;
  media: Media;
} | null {
  const content = part?.content ?? {};
  const json = content[JSON_TYPE];
  if (json !== undefined) return { type: JSON_TYPE, media: json };
  const [first] = Object.entries(content);
  return first === undefined ? null : { type: first[0], media: first[1] };
}
