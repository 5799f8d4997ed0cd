/**
 * Says of every field and parameter what it means and gives an example. What a zod schema says of itself
 * (`.openapi({ description, example })`) comes first; else the lists in descriptions/ have it, by `Schema.field` or, for a
 * field that means the same everywhere and says nothing, by its name alone. A field that neither knows fails a test.
 */
import { singular } from "./operation-ids.ts";
import { type ApiDocument, type Parameter, type Route, type Schema } from "./openapi-document.ts";
import type { Description } from "./descriptions/description.ts";
import { DESCRIPTIONS } from "./descriptions/descriptions.ts";

const EXAMPLES_OF_FORMATS: Record<string, string> = {
  "date-time": "2026-03-01T08:00:00Z",
  date: "2026-03-01",
  uuid: "0f8fad5b-d9cb-469f-a165-70867728950e",
  email: "ada@example.com",
};

/** As good as any other, where the id is a number. */
const NUMBER = 42;

export function describeFields(document: ApiDocument, routes: readonly Route[]): void {
  for (const [name, schema] of Object.entries(document.components.schemas)) describeObject(schema, name);
  for (const { path, operation } of routes)
    for (const parameter of operation.parameters ?? []) describeParameter(parameter, path);
}

function describeObject(schema: Schema, owner: string): void {
  setExample(schema, undefined);
  for (const [field, value] of Object.entries(schema.properties ?? {}))
    describeField(value, DESCRIPTIONS[`${owner}.${field}`] ?? defaultOf(field, value));
  for (const part of schema.allOf ?? []) describeObject(part, owner);
}

/** A description of its own has an example of its own, since the default's would be one of something else. */
function defaultOf(field: string, { description }: Schema): Description | undefined {
  return description === undefined ? DESCRIPTIONS[field] : undefined;
}

function describeField(schema: Schema, word: Description | undefined): void {
  if (word !== undefined) schema.description ??= word[0];
  setExample(schema, word?.[1]);
}

/** As `examples`, the one form that OpenAPI 3.1 does not call outdated. */
function setExample(schema: Schema, ofWord: unknown): void {
  const { example = ofWord ?? EXAMPLES_OF_FORMATS[schema.format ?? ""] } = schema;
  delete schema.example;
  if (example !== undefined) schema.examples ??= [example];
  for (const part of [schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])])
    if (part !== undefined) setExample(part, undefined);
}

function describeParameter(parameter: Parameter, path: string): void {
  const [text, ofWord] = descriptionOfParameter(parameter, path);
  const { description = text, example = ofWord, ...schema } = parameter.schema;
  parameter.schema = schema;
  parameter.description ??= description;
  if (example !== undefined) parameter.example ??= example;
}

function descriptionOfParameter({ name, in: place, schema }: Parameter, path: string): Description {
  if (place !== "path") return DESCRIPTIONS[`?${name}`] ?? [""];
  // "/environments/{id}": what stands before the parameter says whose it is.
  const holder = path.split(`/{${name}}`)[0]?.split("/").at(-1) ?? "";
  const isNumber = [schema.type].flat().includes("integer");
  const what = singular(holder).replaceAll("-", " ");
  return DESCRIPTIONS[`/${holder}/{${name}}`] ?? [`Which ${what}`, isNumber ? NUMBER : undefined];
}
