/**
 * Gives every object of the document a name and a place among the components, so that generated clients have types for
 * them and a page can link them. A schema that was named where it is made keeps that name; another is called by what
 * holds it: `InstanceRun` are the `runs` of an `Instance`, `EnvironmentPage` is a page of `Environment`.
 */
import { deepStrictEqual } from "node:assert";
import { pascal, singular } from "./operation-ids.ts";
import { type ApiDocument, JSON_TYPE, refName, refTo, routesOf, type Schema } from "./openapi-document.ts";

export function nameSchemas(document: ApiDocument): void {
  const { schemas } = document.components;
  for (const [name, schema] of Object.entries(schemas)) nameWithin(schema, name, schemas);
  for (const { operation } of routesOf(document)) {
    const subject = pascal(operation.operationId ?? "").replace(/^(Get|List|Set|Change|Create)/, "");
    for (const part of [operation.requestBody, ...Object.values(operation.responses)]) {
      const media = part?.content?.[JSON_TYPE];
      if (media !== undefined) media.schema = withName(media.schema, subject, schemas);
    }
  }
}

function withName(schema: Schema, request: string, schemas: Record<string, Schema>): Schema {
  if (refName(schema) !== null) return schema;
  const name = pageName(schema) ?? request;
  const inner = nameWithin(schema, name, schemas);
  if (inner.properties === undefined) return inner;

  const { description, ...named } = inner;
  const isNullable = Array.isArray(named.type);
  const known = schemas[name];
  const made = isNullable ? { ...named, type: "object" } : named;
  // Two that are not alike under one name would be a lie to whoever reads it: one of them needs a name where it is made.
  if (known !== undefined) deepStrictEqual(made, known, `two schemas are called ${name}`);
  schemas[name] = made;
  const ref: Schema = isNullable ? { anyOf: [refTo(name), { type: "null" }] } : refTo(name);
  return description === undefined ? ref : { ...ref, description };
}

/** Names what the schema holds, in place. */
function nameWithin(schema: Schema, owner: string, schemas: Record<string, Schema>): Schema {
  const { properties, items, additionalProperties } = schema;
  for (const [field, value] of Object.entries(properties ?? {}))
    if (properties !== undefined)
      properties[field] = withName(value, owner + pascal(nameOf(field, value)), schemas);
  if (items !== undefined) schema.items = withName(items, owner, schemas);
  if (typeof additionalProperties === "object")
    schema.additionalProperties = withName(additionalProperties, owner, schemas);
  for (const alternatives of [schema.anyOf, schema.oneOf])
    for (const [index, one] of alternatives?.entries() ?? [])
      alternatives?.splice(index, 1, withName(one, owner + variantOf(one), schemas));
  for (const part of schema.allOf ?? []) nameWithin(part, owner, schemas);
  return schema;
}

/** One of many is called by the singular. */
function nameOf(field: string, { type }: Schema): string {
  return [type].flat().includes("array") ? singular(field) : field;
}

/** Alternatives are told apart by a field that is one word in each of them. */
function variantOf({ properties }: Schema): string {
  const marks = Object.values(properties ?? {}).map(
    (one) => one.const ?? (one.enum?.length === 1 ? one.enum[0] : null),
  );
  const mark = marks.find((one) => typeof one === "string");
  return typeof mark === "string" ? pascal(mark) : "";
}

function pageName({ properties }: Schema): string | null {
  const item = properties?.["items"]?.items;
  if (item === undefined || properties?.["next_cursor"] === undefined) return null;
  const name = refName(item);
  return name === null || Object.keys(properties).length > 2 ? null : `${name}Page`;
}
