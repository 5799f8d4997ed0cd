/**
 * A schema as the list of plain shapes that a value may have: references are followed, allOf is laid together, anyOf,
 * oneOf, lists of types and of values are taken apart. So two schemas that say one thing in two ways compare as one.
 */
import {
  type ApiDocument,
  refName,
  resolved,
  type Schema,
} from "@remotegpu/control-plane/server/http/documentation/openapi-document";

/** One type, or none where any is taken; one value, or none where any of the type is. */
export interface Shape extends Omit<Schema, "type" | "enum" | "anyOf" | "oneOf" | "allOf" | "$ref"> {
  type?: string;
  /** Of the schema that was referred to. */
  name?: string;
}

export function shapesOf(schema: Schema, document: ApiDocument): Shape[] {
  const {
    $ref: _ref,
    anyOf,
    oneOf,
    allOf = [],
    type,
    enum: values,
    ...rest
  } = resolvedWhole(schema, document);
  const name = refName(schema);
  const named = name === null ? rest : { ...rest, name };
  const parts = [anyOf, oneOf].filter((choices) => choices !== undefined);
  const choices = [
    ...allOf.map((part) => shapesOf(part, document)),
    ...parts.map((part) => part.flatMap((choice) => shapesOf(choice, document))),
  ];
  const own = ofTypes(type).flatMap((one) => ofValues({ ...named, ...one }, values));
  return choices.reduce((all, more) => all.flatMap((one) => more.flatMap((two) => together(one, two))), own);
}

/** A reference may have words beside it, and they say no more than the schema itself. */
function resolvedWhole(schema: Schema, document: ApiDocument): Schema {
  const { $ref: _ref, ...beside } = schema;
  const itself = resolved(schema, document);
  return itself === schema ? schema : { ...beside, ...itself };
}

function ofTypes(type: string | string[] | undefined): Shape[] {
  return type === undefined ? [{}] : [type].flat().map((one) => ({ type: one }));
}

function ofValues(shape: Shape, values: readonly unknown[] | undefined): Shape[] {
  const allowed = values ?? ("const" in shape ? [shape.const] : undefined);
  if (allowed === undefined) return [shape];
  return allowed
    .filter((value) => shape.type === undefined || takesType(shape.type, typeOf(value)))
    .map((value) => ({ ...shape, type: typeOf(value), const: value }));
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

export function takesType(type: string, given: string): boolean {
  return type === given || (type === "number" && given === "integer");
}

/** What both say; nothing, where no value is of both types. */
function together(one: Shape, two: Shape): Shape[] {
  const both: Shape = { ...one, ...two };
  const type = commonType(one.type, two.type);
  if (type === null) return [];
  if (type !== undefined) both.type = type;
  if (one.properties !== undefined && two.properties !== undefined)
    both.properties = { ...one.properties, ...two.properties };
  if (one.required !== undefined && two.required !== undefined)
    both.required = [...new Set([...one.required, ...two.required])];
  return [both];
}

function commonType(one: string | undefined, two: string | undefined): string | undefined | null {
  if (one === undefined || two === undefined) return one ?? two;
  if (takesType(one, two)) return two;
  return takesType(two, one) ? one : null;
}
