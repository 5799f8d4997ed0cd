/** Values that break one documented rule of a JSON schema each: another type, one past a bound, nothing that is needed. */
import { friendlyBody, METACHARACTERS, resolve, type JsonSchema, type Schemas } from "./hostile-values.ts";

/** Where in a body a value stands: names of fields, and 0 for the one item of a list. */
type Place = readonly (string | 0)[];

export interface Breach {
  /** As the problem document names it. */
  path: string;
  rule: string;
  body: unknown;
}

type BrokenValue = readonly [rule: string, value: unknown];

/** Longer texts break another rule, that of the body's size, before. */
const LONGEST_TEXT = 1_000_000;

/** The names that the schema leaves open have no rule of their own here. */
const ANY_NAME = "A";
const NO_FIELD = "no_such_field";

/** Every way to break one rule of this schema in a body that keeps all others. */
export function breaches(schema: JsonSchema, schemas: Schemas, body: unknown): Breach[] {
  const whole = resolve(schema, schemas);
  const top: SchemaPlace = { place: [], at: whole, isRequired: false };
  const unknown = [top, ...placesBelow(whole, schemas, [])]
    .filter(({ at }) => at.additionalProperties === false)
    .map(({ place }) => ({
      path: [...place, NO_FIELD].join("."),
      rule: "unknown",
      body: withValue(body, [...place, NO_FIELD], 1),
    }));
  const broken = placesBelow(whole, schemas, []).flatMap(({ place, at, isRequired }) => {
    const path = place.join(".");
    const values = brokenValues(at, schemas).map(([rule, value]) => ({
      path,
      rule,
      body: withValue(body, place, value),
    }));
    return isRequired ? [...values, { path, rule: "required", body: withoutValue(body, place) }] : values;
  });
  return [...broken, ...unknown];
}

/** Every text that breaks one rule of a filter with this schema. */
export function brokenFilters(schema: JsonSchema): { rule: string; text: string }[] {
  const types = [schema.type ?? []].flat();
  const isText = types.includes("string") && schema.enum === undefined;
  return brokenValues(schema, {})
    .filter(([rule, value]) => value !== null && !(rule === "type" && isText))
    .map(([rule, value]) => ({ rule, text: rule === "type" ? "x" : String(value) }));
}

interface SchemaPlace {
  place: Place;
  at: JsonSchema;
  isRequired: boolean;
}

function placesBelow(schema: JsonSchema, schemas: Schemas, above: Place): SchemaPlace[] {
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, value]) =>
    placesAt(value, schemas, [...above, name], schema.required?.includes(name) ?? false),
  );
  const named = schema.additionalProperties;
  const free = typeof named === "object" ? placesAt(named, schemas, [...above, ANY_NAME], false) : [];
  const items = schema.items === undefined ? [] : placesAt(schema.items, schemas, [...above, 0], false);
  return [...fields, ...free, ...items];
}

function placesAt(value: JsonSchema, schemas: Schemas, place: Place, isRequired: boolean): SchemaPlace[] {
  const at = resolve(value, schemas);
  const isAlternative = at.anyOf !== undefined || at.oneOf !== undefined;
  return isAlternative ? [] : [{ place, at, isRequired }, ...placesBelow(at, schemas, place)];
}

function brokenValues(schema: JsonSchema, schemas: Schemas): BrokenValue[] {
  const types = [schema.type ?? []].flat();
  return [
    ...brokenTypes(types),
    ...(schema.enum === undefined ? [] : [["enum", "none-of-these"] as const]),
    ...brokenNumbers(schema),
    ...brokenTexts(schema),
    ...brokenLists(schema, schemas),
  ];
}

const OF_ANOTHER_TYPE: Record<string, unknown> = {
  string: 7,
  integer: "1",
  number: "1",
  boolean: "on",
  array: "none",
  object: "none",
};

function brokenTypes(types: string[]): BrokenValue[] {
  const [only, ...others] = types.filter((type) => type !== "null");
  if (only === undefined || others.length > 0) return [];
  return [
    ["type", OF_ANOTHER_TYPE[only]],
    ...(types.includes("null") ? [] : [["null", null] as const]),
    ...(only === "integer" ? [["half", 0.5] as const] : []),
  ];
}

function brokenNumbers({ minimum, exclusiveMinimum, maximum }: JsonSchema): BrokenValue[] {
  const isCounted = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  return [
    ...(minimum === undefined ? [] : [["minimum", minimum - 1] as const]),
    ...(exclusiveMinimum === undefined ? [] : [["exclusiveMinimum", exclusiveMinimum] as const]),
    ...(isCounted ? [["maximum", maximum + 1] as const] : []),
  ];
}

const OF_NO_FORMAT: Record<string, string> = {
  "date-time": "2026-02-30T00:00:00Z",
  date: "2026-02-30",
  email: "nobody",
  uri: "nowhere",
};

function brokenTexts({ minLength = 0, maxLength, pattern, format = "" }: JsonSchema): BrokenValue[] {
  const outside = METACHARACTERS.find(
    (text) => pattern !== undefined && !new RegExp(pattern, "u").test(text),
  );
  const unformatted = OF_NO_FORMAT[format];
  return [
    ...(minLength === 0 ? [] : [["minLength", ""] as const]),
    ...(maxLength === undefined || maxLength >= LONGEST_TEXT
      ? []
      : [["maxLength", "x".repeat(maxLength + 1)] as const]),
    ...(outside === undefined ? [] : [["pattern", outside] as const]),
    ...(unformatted === undefined ? [] : [["format", unformatted] as const]),
  ];
}

function brokenLists({ minItems = 0, maxItems, items = {} }: JsonSchema, schemas: Schemas): BrokenValue[] {
  return [
    ...(minItems === 0 ? [] : [["minItems", []] as const]),
    ...(maxItems === undefined
      ? []
      : [["maxItems", Array(maxItems + 1).fill(friendlyBody(items, schemas))] as const]),
  ];
}

function withValue(body: unknown, place: Place, value: unknown): unknown {
  const [step, ...rest] = place;
  if (step === undefined) return value;
  if (step === 0) return [withValue(Array.isArray(body) ? body[0] : undefined, rest, value)];
  const fields = fieldsOf(body);
  return { ...fields, [step]: withValue(fields[step], rest, value) };
}

function withoutValue(body: unknown, place: Place): unknown {
  const name = place.at(-1);
  const above = place.slice(0, -1);
  const stored = Object.entries(fieldsOf(valueAt(body, above))).filter(([field]) => field !== name);
  return withValue(body, above, Object.fromEntries(stored));
}

function valueAt(body: unknown, place: Place): unknown {
  return place.reduce<unknown>(
    (value, step) => (step === 0 ? (Array.isArray(value) ? value[0] : undefined) : fieldsOf(value)[step]),
    body,
  );
}

function fieldsOf(value: unknown): Record<string, unknown> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? Object.fromEntries(Object.entries(value)) : {};
}
