/**
 * What a schema takes from those who relied on the one before. Both sides are one question, asked in two directions: a
 * request that was good must still be taken, and an answer of now must be one that could come before.
 *
 * A further value of an answer's enum counts as taking away: a client made from the document before has no branch for
 * it, and many refuse what is not on their list. A further field does not: what a client does not know it leaves alone.
 * Bounds and patterns count in requests alone, since nobody checks an answer for them.
 */
import {
  type ApiDocument,
  refName,
  type Schema,
} from "@remotegpu/control-plane/server/http/documentation/openapi-document";
import { type Shape, shapesOf, takesType } from "./schema-shapes.ts";

export interface Versions<Part> {
  stored: Part;
  made: Part;
}

export type Side = "request" | "answer";

interface Comparison {
  side: Side;
  documents: Versions<ApiDocument>;
  /** Pairs that are being compared already: schemas may hold themselves. */
  under: readonly string[];
}

const LOWER_BOUNDS = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const UPPER_BOUNDS = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/** Compared by rules of their own, or nothing that a value must be. */
const OWN_RULES = new Set(
  [
    ["type", "const", "properties", "required", "items", "additionalProperties", "propertyNames", "format"],
    ["name", "title", "description", "example", "examples", "default", "deprecated", "readOnly", "writeOnly"],
    LOWER_BOUNDS,
    UPPER_BOUNDS,
  ].flat(),
);

/** A sentence for each; `place` says where, unless the schema has a name. */
export function schemaNarrowings(
  side: Side,
  documents: Versions<ApiDocument>,
  schemas: Versions<Schema>,
  place: string,
): string[] {
  return ofSchemas({ side, documents, under: [] }, schemas, place);
}

function ofSchemas(comparison: Comparison, schemas: Versions<Schema>, place: string): string[] {
  const { side, documents, under } = comparison;
  const pair = JSON.stringify([schemas.stored, schemas.made]);
  if (under.includes(pair)) return [];
  const inside = { ...comparison, under: [...under, pair] };
  const stored = shapesOf(schemas.stored, documents.stored);
  const made = shapesOf(schemas.made, documents.made);
  const [given, taking] = side === "request" ? [stored, made] : [made, stored];
  const named = refName(schemas.stored) ?? place;
  return given.flatMap((one) => {
    const tried = taking
      .filter(
        (other) => other.type === undefined || one.type === undefined || takesType(other.type, one.type),
      )
      .map((other) => ofShapes(inside, one, other, (side === "request" ? one : other).name ?? named));
    // Of several it is compared with the nearest, so that one change is not told as all that another choice has.
    const [nearest] = tried.toSorted((a, b) => a.length - b.length);
    return nearest ?? [notTaken(side, named, textOf(one))];
  });
}

function textOf({ type, const: value }: Shape): string {
  return value === undefined ? (type ?? "just anything") : JSON.stringify(value);
}

function notTaken(side: Side, place: string, what: string): string {
  return side === "request" ? `${place} no longer takes ${what}` : `${place} may now be ${what}`;
}

/** Whether all that is `given` is `taking` as well. */
function ofShapes(comparison: Comparison, given: Shape, taking: Shape, place: string): string[] {
  const { side } = comparison;
  const isOther =
    (taking.const !== undefined && JSON.stringify(taking.const) !== JSON.stringify(given.const)) ||
    (taking.type !== undefined && given.type === undefined);
  if (isOther) return [notTaken(side, place, textOf(given))];
  // A value that is known is bounded by nothing else.
  if (given.const !== undefined) return [];
  return [
    ...ofBounds(side, given, taking, place),
    ...ofFields(comparison, given, taking, place),
    ...ofParts(comparison, given, taking, place),
  ];
}

function ofBounds(side: Side, given: Shape, taking: Shape, place: string): string[] {
  const [before, now] = [new Map(Object.entries(given)), new Map(Object.entries(taking))];
  const format = now.get("format");
  const another =
    format !== undefined && format !== before.get("format") ? [`${place} has another format`] : [];
  if (side === "answer") return another;
  const isTighter = (bound: string, sign: number) => {
    const [was, is] = [before.get(bound), now.get(bound)];
    return is !== undefined && (was === undefined || (Number(is) - Number(was)) * sign > 0);
  };
  const tighter = [
    ...LOWER_BOUNDS.filter((bound) => isTighter(bound, 1)),
    ...UPPER_BOUNDS.filter((bound) => isTighter(bound, -1)),
  ];
  // Whether a pattern takes all that another took cannot be told; nor is it for a keyword that nobody thought of here.
  const unknown = [...now.keys()].filter(
    (word) => !OWN_RULES.has(word) && JSON.stringify(now.get(word)) !== JSON.stringify(before.get(word)),
  );
  return [
    ...another,
    ...[...tighter, ...unknown].map(
      (word) => `${place} now has the ${word} ${JSON.stringify(now.get(word))}`,
    ),
  ];
}

function ofFields(comparison: Comparison, given: Shape, taking: Shape, place: string): string[] {
  const isRequest = comparison.side === "request";
  const [stored, made] = isRequest ? [given, taking] : [taking, given];
  const required = (taking.required ?? []).filter((field) => !(given.required ?? []).includes(field));
  const isReportedByAbsence = (field: string) => !isRequest && made.properties?.[field] === undefined;
  return [
    ...required
      .filter((field) => !isReportedByAbsence(field))
      .map((field) => `${place}.${field} ${isRequest ? "is now required" : "may now be missing"}`),
    ...Object.entries(stored.properties ?? {}).flatMap(([field, schema]) => {
      const now = made.properties?.[field];
      if (now === undefined) return [`${place}.${field} is no longer there`];
      return ofSchemas(comparison, { stored: schema, made: now }, `${place}.${field}`);
    }),
  ];
}

/** What stands in lists, and in objects under names that are not known before. */
function ofParts(comparison: Comparison, given: Shape, taking: Shape, place: string): string[] {
  const isRequest = comparison.side === "request";
  const [stored, made] = isRequest ? [given, taking] : [taking, given];
  const part = (before: Schema | undefined, now: Schema | undefined, where: string) =>
    before === undefined && now === undefined
      ? []
      : ofSchemas(comparison, { stored: before ?? {}, made: now ?? {} }, where);
  return [
    ...part(stored.items, made.items, `${place}[]`),
    ...part(stored.propertyNames, made.propertyNames, `a name in ${place}`),
    // Only in requests may an object be refused for a field beside those that are named.
    ...(isRequest && taking.additionalProperties === false && given.additionalProperties !== false
      ? [`${place} no longer takes other fields`]
      : part(openOf(stored), openOf(made), `${place}{}`)),
  ];
}

function openOf({ additionalProperties }: Shape): Schema | undefined {
  return typeof additionalProperties === "object" ? additionalProperties : undefined;
}
