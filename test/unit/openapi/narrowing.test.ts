import type {
  ApiDocument,
  Operation,
  Schema,
} from "@remotegpu/control-plane/server/http/documentation/openapi-document";
import { describe, expect, test } from "vitest";
import { narrowings } from "../../openapi/narrowing.ts";

const TEXT: Schema = { type: "string" };

/** One route, which takes and answers these schemas. */
function documentOf(
  operation: Partial<Operation> | null,
  schemas: Record<string, Schema> = {},
  method: "post" | "put" = "post",
): ApiDocument {
  const whole = operation === null ? {} : { [method]: { operationId: "order", responses: {}, ...operation } };
  return {
    openapi: "3.1.0",
    info: { title: "", version: "0", description: "" },
    servers: [],
    tags: [],
    paths: operation === null ? {} : { "/orders": whole },
    components: { schemas, responses: {} },
  };
}

function taking(schema: Schema, schemas?: Record<string, Schema>): ApiDocument {
  return documentOf({ requestBody: { content: { "application/json": { schema } } } }, schemas);
}

function answering(schema: Schema, schemas?: Record<string, Schema>): ApiDocument {
  return documentOf({ responses: { 200: { content: { "application/json": { schema } } } } }, schemas);
}

function objectOf(properties: Record<string, Schema>, required: string[] = []): Schema {
  return { type: "object", properties, required };
}

const REF: Schema = { $ref: "#/components/schemas/Order" };
const query = (name: string, schema: Schema, required = false) => ({ name, in: "query", required, schema });

describe("of routes", () => {
  test.each<[string, Partial<Operation>, Partial<Operation> | null, string[]]>([
    ["nothing, of the same", {}, {}, []],
    ["a route", {}, null, ["POST /orders is no longer there"]],
    ["its name", {}, { operationId: "buy" }, ["POST /orders is no longer called order"]],
    [
      "who may ask",
      { "x-access": "customer" },
      { "x-access": "admin" },
      ["POST /orders is now for admin alone"],
    ],
    ["nothing, when more may ask", { "x-access": "admin" }, { "x-access": "customer" }, []],
    [
      "a success",
      { responses: { 200: {}, 404: {} } },
      { responses: { 202: {} } },
      ["POST /orders: the answer 200 is no longer there"],
    ],
    ["nothing, by one success more", { responses: { 200: {} } }, { responses: { 200: {}, 202: {} } }, []],
    [
      "a type of content",
      { responses: { 200: { content: { "text/csv": { schema: TEXT } } } } },
      { responses: { 200: { content: { "application/json": { schema: TEXT } } } } },
      ["POST /orders: the answer 200 is no longer text/csv"],
    ],
    [
      "a parameter",
      { parameters: [query("after", TEXT)] },
      { parameters: [] },
      ["POST /orders: query after is no longer there"],
    ],
    [
      "who sent no parameter",
      { parameters: [query("after", TEXT)] },
      { parameters: [query("after", TEXT, true)] },
      ["POST /orders: query after is now required"],
    ],
    [
      "who knew nothing of a parameter",
      {},
      { parameters: [query("by", TEXT, true)] },
      ["POST /orders: query by is now required"],
    ],
    ["nothing, by a parameter that may be left out", {}, { parameters: [query("by", TEXT)] }, []],
    [
      "what a parameter takes",
      { parameters: [query("limit", { type: "integer", maximum: 100 })] },
      { parameters: [query("limit", { type: "integer", maximum: 99 })] },
      ["POST /orders: query limit now has the maximum 99"],
    ],
    [
      "who sent no body",
      {},
      { requestBody: { required: true, content: {} } },
      ["POST /orders: a body is now required"],
    ],
  ])("reports %s", (_what, stored, made, expected) => {
    expect(narrowings({ stored: documentOf(stored), made: documentOf(made) })).toEqual(expected);
  });

  test("reports a method that its path has no more", () => {
    const found = narrowings({ stored: documentOf({}), made: documentOf({}, {}, "put") });

    expect(found).toEqual(["POST /orders is no longer there"]);
  });
});

describe("of requests", () => {
  const BODY = "POST /orders: the body";

  test.each<[string, Schema, Schema, string[]]>([
    [
      "a field that is required",
      objectOf({ a: TEXT }),
      objectOf({ a: TEXT }, ["a"]),
      [`${BODY}.a is now required`],
    ],
    [
      "a new field that is required",
      objectOf({}),
      objectOf({ a: TEXT }, ["a"]),
      [`${BODY}.a is now required`],
    ],
    ["nothing, by a field that may be left out", objectOf({}), objectOf({ a: TEXT }), []],
    ["a field", objectOf({ a: TEXT }), objectOf({}), [`${BODY}.a is no longer there`]],
    ["a value", { enum: ["x", "y"] }, { enum: ["x"] }, [`${BODY} no longer takes "y"`]],
    ["nothing, by a value more", { enum: ["x"] }, { enum: ["x", "y"] }, []],
    [
      "nothing, of values listed one by one",
      { enum: ["x", "y"] },
      { anyOf: [{ const: "y" }, { const: "x" }] },
      [],
    ],
    ["all other values", TEXT, { type: "string", enum: ["x"] }, [`${BODY} no longer takes string`]],
    ["null", { type: ["string", "null"] }, TEXT, [`${BODY} no longer takes null`]],
    ["a type", { anyOf: [TEXT, { type: "boolean" }] }, TEXT, [`${BODY} no longer takes boolean`]],
    ["fractions", { type: "number" }, { type: "integer" }, [`${BODY} no longer takes number`]],
    ["nothing, where fractions come", { type: "integer" }, { type: "number" }, []],
    [
      "a longer text",
      { type: "string", maxLength: 9 },
      { type: "string", maxLength: 8 },
      [`${BODY} now has the maxLength 8`],
    ],
    ["nothing, by the same bound", { type: "string", maxLength: 9 }, { type: "string", maxLength: 9 }, []],
    ["nothing, by more room", { type: "string", maxLength: 9 }, { type: "string", maxLength: 10 }, []],
    ["a text of any length", TEXT, { type: "string", maxLength: 9 }, [`${BODY} now has the maxLength 9`]],
    [
      "a lesser number",
      { type: "integer", minimum: 0 },
      { type: "integer", minimum: 1 },
      [`${BODY} now has the minimum 1`],
    ],
    [
      "another pattern",
      { type: "string", pattern: "^a" },
      { type: "string", pattern: "^b" },
      [`${BODY} now has the pattern "^b"`],
    ],
    [
      "a keyword that nobody thought of",
      { type: "integer" },
      { type: "integer", multipleOf: 2 } as Schema,
      [`${BODY} now has the multipleOf 2`],
    ],
    [
      "fields that nobody named",
      { type: "object" },
      { type: "object", additionalProperties: false },
      [`${BODY} no longer takes other fields`],
    ],
    [
      "what a list holds",
      { type: "array", items: { type: "number" } },
      { type: "array", items: TEXT },
      [`${BODY}[] no longer takes number`],
    ],
    [
      "what stands under any name",
      { type: "object", additionalProperties: { type: "number" } },
      { type: "object", additionalProperties: TEXT },
      [`${BODY}{} no longer takes number`],
    ],
    [
      "nothing, of parts laid together",
      objectOf({ a: TEXT, b: TEXT }, ["a"]),
      { allOf: [objectOf({ a: TEXT }, ["a"]), objectOf({ b: TEXT })] },
      [],
    ],
    [
      "nothing but words",
      { type: "string", description: "a", examples: ["a"] },
      { type: "string", description: "b" },
      [],
    ],
  ])("reports %s", (_what, stored, made, expected) => {
    expect(narrowings({ stored: taking(stored), made: taking(made) })).toEqual(expected);
  });
});

describe("of answers", () => {
  const ANSWER = "POST /orders: the answer 200";

  test.each<[string, Schema, Schema, string[]]>([
    ["a field", objectOf({ a: TEXT }, ["a"]), objectOf({}), [`${ANSWER}.a is no longer there`]],
    [
      "a field that was not always there",
      objectOf({ a: TEXT }),
      objectOf({}),
      [`${ANSWER}.a is no longer there`],
    ],
    ["nothing, by a field more", objectOf({}), objectOf({ a: TEXT }, ["a"]), []],
    [
      "a field that may be missing",
      objectOf({ a: TEXT }, ["a"]),
      objectOf({ a: TEXT }),
      [`${ANSWER}.a may now be missing`],
    ],
    [
      "a field that may be null",
      objectOf({ a: TEXT }),
      objectOf({ a: { type: ["string", "null"] } }),
      [`${ANSWER}.a may now be null`],
    ],
    [
      "nothing, where null comes no more",
      objectOf({ a: { type: ["string", "null"] } }),
      objectOf({ a: TEXT }),
      [],
    ],
    [
      "another type",
      objectOf({ a: TEXT }),
      objectOf({ a: { type: "integer" } }),
      [`${ANSWER}.a may now be integer`],
    ],
    ["anything", objectOf({ a: TEXT }), objectOf({ a: {} }), [`${ANSWER}.a may now be just anything`]],
    ["a value more", { enum: ["x"] }, { enum: ["x", "y"] }, [`${ANSWER} may now be "y"`]],
    ["nothing, by a value less", { enum: ["x", "y"] }, { enum: ["x"] }, []],
    [
      "another format",
      { type: "string", format: "date" },
      { type: "string", format: "uuid" },
      [`${ANSWER} has another format`],
    ],
    ["nothing, by longer texts", { type: "string", maxLength: 8 }, { type: "string", maxLength: 9 }, []],
    [
      "nothing, of a field that others may stand beside",
      { ...objectOf({}), additionalProperties: false },
      objectOf({ a: TEXT }),
      [],
    ],
  ])("reports %s", (_what, stored, made, expected) => {
    expect(narrowings({ stored: answering(stored), made: answering(made) })).toEqual(expected);
  });
});

describe("of schemas with a name", () => {
  const holdingItself = (id: Schema) => objectOf({ id, part: { anyOf: [REF, { type: "null" }] } }, ["id"]);

  test("reports a change by that name, once, though the schema holds itself", () => {
    const stored = answering({ type: "array", items: REF }, { Order: holdingItself(TEXT) });
    const made = answering({ type: "array", items: REF }, { Order: holdingItself({ type: "integer" }) });

    expect(narrowings({ stored, made })).toEqual(["Order.id may now be integer"]);
  });

  test("reports nothing where one only gets a name", () => {
    const found = narrowings({
      stored: taking(objectOf({ a: TEXT })),
      made: taking(REF, { Order: objectOf({ a: TEXT }) }),
    });

    expect(found).toEqual([]);
  });

  test("compares each of several choices with the nearest", () => {
    const one = (kind: string, more: Record<string, Schema>) =>
      objectOf({ kind: { const: kind }, ...more }, ["kind"]);
    const stored = taking({ oneOf: [one("job", { a: TEXT }), one("service", { b: TEXT, c: TEXT })] });
    const made = taking({ oneOf: [one("job", { a: TEXT }), one("service", { b: TEXT })] });

    expect(narrowings({ stored, made })).toEqual(["POST /orders: the body.c is no longer there"]);
  });
});
