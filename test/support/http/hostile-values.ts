/** Values that strangers send, and bodies made from a JSON schema that are wrong in one place or nearly right. */
import * as fc from "fast-check";

/** What means something to SQL, a shell, a path, a format, a template, a page, a command line or a terminal. */
export const METACHARACTERS = [
  "\u0000",
  "a\u0000b",
  "\ud800",
  "'; DROP TABLE customers; --",
  "' OR '1'='1",
  "Robert'); DELETE FROM hosts;--",
  "$(reboot)",
  "`id`",
  "; rm -rf / #",
  "| cat /etc/passwd",
  "a\nb\r\nc",
  "../../etc/passwd",
  "%s%n%x",
  "{{7*7}}",
  "<script>alert(1)</script>",
  "--help",
  "\\",
  "\u202eabc",
];

const HOSTILE_STRINGS = [
  ...METACHARACTERS,
  "",
  " ",
  "\udfff tail",
  "x".repeat(300),
  "😀".repeat(300),
  "/absolute",
  "NaN",
  "-1",
  "1e309",
  "99999999999999999999999999",
  "0.00000000001",
  "__proto__",
];

const HOSTILE_VALUES: unknown[] = [
  ...HOSTILE_STRINGS,
  null,
  true,
  -1,
  0.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  2 ** 31,
  [],
  {},
  [[[[[[[[]]]]]]]],
  { id: { $gt: 0 } },
  Array.from({ length: 300 }, (_, index) => index),
  { constructor: { prototype: 1 } },
];

/** The part of a JSON schema (2020-12) that an OpenAPI 3.1 document of ours uses. */
export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  format?: string;
  pattern?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

export type Schemas = Record<string, JsonSchema>;

const hostileValue = fc.oneof(fc.constantFrom(...HOSTILE_VALUES), fc.jsonValue({ maxDepth: 3 }));
const friendlyString = fc.constantFrom(
  "plain",
  "a-name",
  "1",
  "12.5",
  "busybox:1.36",
  "gpu",
  "2030-01-01T00:00:00Z",
);
const friendlyInteger = fc.constantFrom(0, 1, 2, 60, 1024, 2 ** 30);

/** Bodies for a schema: friendly ones, and the same with one field hostile, missing or unknown. */
export function bodies(schema: JsonSchema, schemas: Schemas): fc.Arbitrary<unknown> {
  const whole = resolve(schema, schemas);
  const names = Object.keys(whole.properties ?? {});
  const friendly = friendlyValue(whole, schemas);
  const oneHostile = fc
    .tuple(friendly, fc.constantFrom(...names, "unknown_field"), hostileValue)
    .map(([body, name, value]) => ({ ...(body as object), [name]: value }));
  const oneMissing = fc
    .tuple(friendly, fc.constantFrom(...names, "unknown_field"))
    .map(([body, name]) =>
      Object.fromEntries(Object.entries(body as object).filter(([key]) => key !== name)),
    );
  return fc.oneof(
    { arbitrary: friendly, weight: 2 },
    { arbitrary: oneHostile, weight: 6 },
    { arbitrary: oneMissing, weight: 1 },
    { arbitrary: hostileValue, weight: 1 },
  );
}

function friendlyValue(given: JsonSchema, schemas: Schemas): fc.Arbitrary<unknown> {
  const schema = resolve(given, schemas);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return fc.oneof(...alternatives.map((one) => friendlyValue(one, schemas)));
  const types = [schema.type ?? "object"].flat();
  return fc.oneof(...types.map((type) => friendlyOfType(type, schema, schemas)));
}

function friendlyOfType(type: string, schema: JsonSchema, schemas: Schemas): fc.Arbitrary<unknown> {
  switch (type) {
    case "object":
      return friendlyObject(schema, schemas);
    case "array":
      return fc.array(friendlyValue(schema.items ?? {}, schemas), { maxLength: 3 });
    case "integer":
    case "number":
      return friendlyInteger;
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return schema.format === "email" ? fc.uuid().map((id) => `${id}@example.com`) : friendlyString;
  }
}

function friendlyObject(schema: JsonSchema, schemas: Schemas): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) {
    const values = schema.additionalProperties;
    return typeof values === "object"
      ? fc.dictionary(fc.constantFrom("A", "B_1", "c"), friendlyValue(values, schemas), { maxKeys: 2 })
      : fc.constant({});
  }
  return fc.record(
    Object.fromEntries(properties.map(([name, value]) => [name, friendlyValue(value, schemas)])),
    { requiredKeys: schema.required ?? [] },
  );
}

/** The schema that a reference leads to, with all of its parts in one. */
export function resolve(schema: JsonSchema, schemas: Schemas): JsonSchema {
  const [, name] = /^#\/components\/schemas\/(.+)$/.exec(schema.$ref ?? "") ?? [];
  if (name !== undefined) return resolve(schemas[name] ?? {}, schemas);
  if (schema.allOf === undefined) return schema;
  return Object.assign({}, ...schema.allOf.map((part) => resolve(part, schemas))) as JsonSchema;
}

/** Where in a body a text stands: names of fields, and 0 for the one item of a list. */
export type TextPlace = readonly (string | 0)[];

/** Every text of a body, however deep; also the names that a customer gives, as in env_vars. */
export function textPlaces(given: JsonSchema, schemas: Schemas, at: TextPlace = []): TextPlace[] {
  const schema = resolve(given, schemas);
  if (schema.enum !== undefined || schema.const !== undefined) return [at];
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return alternatives.flatMap((one) => textPlaces(one, schemas, at));
  const types = [schema.type ?? "object"].flat();
  return [
    ...(types.includes("string") ? [at] : []),
    ...(types.includes("array") ? textPlaces(schema.items ?? {}, schemas, [...at, 0]) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, value]) =>
      textPlaces(value, schemas, [...at, name]),
    ),
    ...(typeof schema.additionalProperties === "object"
      ? textPlaces(schema.additionalProperties, schemas, [...at, "A"])
      : []),
  ];
}

/** A body with nothing wrong in it, the same every time. */
export function friendlyBody(schema: JsonSchema, schemas: Schemas): unknown {
  return fc.sample(friendlyValue(schema, schemas), { numRuns: 1, seed: 1 })[0];
}

/** The body with this text there; what is missing on the way is made. */
export function withText(body: unknown, place: TextPlace, text: string): unknown {
  const [step, ...rest] = place;
  if (step === undefined) return text;
  if (step === 0) return [withText(undefined, rest, text)];
  const fields = typeof body === "object" && body !== null && !Array.isArray(body) ? body : {};
  const below = Object.entries(fields).find(([name]) => name === step)?.[1];
  return { ...fields, [step]: withText(below, rest, text) };
}
