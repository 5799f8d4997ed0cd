/**
 * The OpenAPI document, read by others' tools: a validator, a JSON schema compiler, a generator of clients. All routes are
 * looked at, so one that is added is tested without being mentioned here. What a route has to say of itself stands in
 * control-plane/server/http/documentation.
 */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { type ApiServer, openServer } from "@remotegpu/control-plane/server/http/server/server";
import { DESCRIPTIONS } from "@remotegpu/control-plane/server/http/documentation/descriptions/descriptions";
import {
  type ApiDocument,
  contentOf,
  type Route,
  routesOf,
  type Schema,
} from "@remotegpu/control-plane/server/http/documentation/openapi-document";
import addFormats from "ajv-formats";
import { Ajv2020 } from "ajv/dist/2020.js";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

const TEST_MODULES = new URL("../../node_modules", import.meta.url).pathname;
const ROOT_MODULES = new URL("../../../node_modules", import.meta.url).pathname;

let scene: ControlScene;
let server: ApiServer;
let document: ApiDocument;
let routes: Route[];
/** Of JSON Schema 2020-12, formats included; what it does not know is an error. */
const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
let folder: string;

beforeAll(async () => {
  scene = await openControlScene();
  server = await openServer(scene.api.app, { host: "127.0.0.1", port: 0, tls: null });
  document = (await scene.api.request("GET", "/openapi.json")).body;
  routes = routesOf(document);
  addFormats.default(ajv);
  ajv.addSchema(asSchemas({ $defs: document.components.schemas }), "api");
  folder = mkdtempSync(join(tmpdir(), "remotegpu-openapi-"));
});
afterAll(async () => {
  await server.close();
  await scene.close();
  rmSync(folder, { recursive: true });
});

interface Field {
  place: string;
  schema: Schema;
}

/** Every property of every schema, by where it stands. */
function fields(): Field[] {
  return Object.entries(document.components.schemas).flatMap(([name, schema]) =>
    [schema, ...(schema.allOf ?? [])].flatMap(({ properties = {} }) =>
      Object.entries(properties).map(([field, value]) => ({ place: `${name}.${field}`, schema: value })),
    ),
  );
}

function nameOf({ method, path }: Route): string {
  return `${method.toUpperCase()} ${path}`;
}

function asSchemas(part: object): object {
  return JSON.parse(JSON.stringify(part).replaceAll("#/components/schemas/", "api#/$defs/"));
}

/** Which of the examples their schemas refuse, and why; all in one, since each schema compiled costs milliseconds. */
function refusedExamples(all: readonly { place: string; schema: Schema; example?: unknown }[]): string[] {
  const schema = { properties: Object.fromEntries(all.map((one) => [one.place, one.schema])) };
  const isValid = ajv.compile(asSchemas(schema));
  isValid(Object.fromEntries(all.map(({ place, example }) => [place, example])));
  return (isValid.errors ?? []).map(({ instancePath, message = "" }) => `${instancePath} ${message}`);
}

/** JSON Schema means a source that is read with the flag u, and without what stands around it in a program. */
function isBareSource(pattern: string): boolean {
  try {
    return new RegExp(pattern, "u").source === pattern && !/^\/|\/[dgimsuvy]*$/.test(pattern);
  } catch {
    return false;
  }
}

describe("the document", () => {
  test("is valid OpenAPI 3.1 to an independent validator", async () => {
    const validator = new Validator();

    const result = await validator.validate(structuredClone({ ...document }));

    expect(result.errors ?? []).toEqual([]);
    expect(validator.version).toBe("3.1");
    expect(() => validator.resolveRefs()).not.toThrow();
  });

  test("has schemas that compile as JSON Schema 2020-12", () => {
    const faults = Object.keys(document.components.schemas).flatMap((name) => {
      try {
        ajv.compile({ $ref: `api#/$defs/${name}` });
        return [];
      } catch (error) {
        return [`${name}: ${String(error)}`];
      }
    });

    expect(faults).toEqual([]);
  });

  test("has patterns that are regular expressions without delimiters and flags", () => {
    const text = JSON.stringify(document);
    const patterns = [...text.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, pattern = ""]) =>
      String(JSON.parse(pattern)),
    );

    expect(patterns.length).toBeGreaterThan(50);
    expect(patterns.filter((pattern) => !isBareSource(pattern))).toEqual([]);
  });

  test.each([
    ["NewEnvironment", "name", "fine-tuning 2", "two\nlines"],
    ["NewPrice", "line", "gpu:NVIDIA A100-SXM4-80GB", "gpu:NVIDIA\nA100"],
    ["NewPrice", "spec", "standard", "a b"],
    ["NewEnvironment", "image", "ghcr.io/ada/train:2", "two words"],
  ])("takes a good %s.%s and refuses a bad one", (schema, field, good, bad) => {
    const isValid = ajv.compile({ $ref: `api#/$defs/${schema}/properties/${field}` });

    expect([isValid(good), isValid(bad)]).toEqual([true, false]);
  });

  test("names each operation once, in one style", () => {
    const ids = routes.map(({ operation }) => operation.operationId ?? "");

    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(ids.filter((id) => !/^[a-z]+([A-Z][a-z]*)+$|^clearAlarm$/.test(id))).toEqual([]);
    expect(ids).toEqual(
      expect.arrayContaining(["createEnvironment", "listHostGpus", "stopEnvironment", "getBillingBalance"]),
    );
  });

  test("describes of each operation what it does, for whom, and under which described subject", () => {
    const subjects = document.tags.map(({ name }) => name);
    const isWhole = ({ operation }: Route) => {
      const { tags = [], summary = "", description = "", security = [], "x-access": access = "" } = operation;
      const [roles = []] = security.map(({ bearer = [] }) => bearer);
      const isGuarded = access === "public" ? security.length === 0 : roles.includes(access);
      return (
        summary !== "" &&
        description !== "" &&
        tags.length === 1 &&
        subjects.includes(tags[0] ?? "") &&
        isGuarded
      );
    };

    expect(routes.filter((route) => !isWhole(route)).map(nameOf)).toEqual([]);
  });

  test("states which problems may come, each by its status", () => {
    const guarded = routes.filter(({ operation }) => operation["x-access"] !== "public");
    const isReported = ({ operation }: Route) =>
      ["401", "403", "429", "503"].every((one) => one in operation.responses);
    const shared = Object.values(document.components.responses).map(
      ({ content }) => content?.["application/problem+json"],
    );
    const order = document.paths["/api/v1/environments"]?.post;

    expect(guarded.filter((route) => !isReported(route)).map(nameOf)).toEqual([]);
    expect(shared.map((media) => media?.schema.$ref)).toEqual(
      shared.map(() => "#/components/schemas/Problem"),
    );
    expect(Object.keys(order?.responses ?? {})).toEqual(expect.arrayContaining(["201", "402", "409", "422"]));
  });

  test("describes every field and parameter; put it in its zod schema or in documentation/descriptions", () => {
    const parameters = routes.flatMap((route) =>
      (route.operation.parameters ?? []).map(({ name, description }) => ({
        place: `${nameOf(route)} ${name}`,
        schema: { description: description ?? "" },
      })),
    );

    const silent = [...fields(), ...parameters].filter(({ schema }) => !schema.description);

    expect(silent.map(({ place }) => place)).toEqual([]);
  });

  test("has no word for a field that is not there", () => {
    const places = new Set(fields().flatMap(({ place }) => [place, place.split(".")[1] ?? ""]));
    for (const { path, operation } of routes)
      for (const { name, in: where } of operation.parameters ?? [])
        places.add(
          where === "path" ? `/${path.split(`/{${name}}`)[0]?.split("/").at(-1)}/{${name}}` : `?${name}`,
        );

    expect(Object.keys(DESCRIPTIONS).filter((word) => !places.has(word))).toEqual([]);
  });

  test("gives an example of every text and number, which its schema takes", () => {
    const isSpoken = ({ type, enum: choices, const: only, items }: Schema) => {
      const types = [type].flat();
      const isText = types.includes("string") || types.includes("integer") || types.includes("number");
      const isFree = choices === undefined && only === undefined;
      return (isText && isFree) || (items?.type === "string" && items.enum === undefined);
    };
    const withExample = fields().flatMap(({ place, schema }) =>
      schema.examples === undefined ? [] : [{ place, schema, example: schema.examples[0] }],
    );

    expect(
      fields().flatMap(({ place, schema }) =>
        isSpoken(schema) && schema.examples === undefined ? place : [],
      ),
    ).toEqual([]);
    expect(refusedExamples(withExample)).toEqual([]);
  });

  test("gives an example of every body, which its schema takes", () => {
    const bodies = routes.flatMap((route) => {
      const content = contentOf(route.operation.requestBody);
      return content === null ? [] : [{ place: nameOf(route), ...content.media }];
    });

    expect(bodies.length).toBeGreaterThan(40);
    expect(bodies.filter(({ schema }) => schema.$ref?.startsWith("#/components/schemas/") !== true)).toEqual(
      [],
    );
    expect(refusedExamples(bodies)).toEqual([]);
  });

  test("has a name for every JSON that is answered, and for every object in it", () => {
    const answers = routes.flatMap((route) =>
      Object.values(route.operation.responses).map((answer) => ({
        place: nameOf(route),
        schema: answer.content?.["application/json"]?.schema,
      })),
    );

    expect(answers.filter(({ schema }) => schema?.properties !== undefined)).toEqual([]);
    const inline = ({ schema }: Field) => [schema, schema.items].some((one) => one?.properties !== undefined);
    expect(fields().filter(inline)).toEqual([]);
  });
});

test("a client that a generator makes of it is sound to TypeScript, and orders an environment", async () => {
  const customer = await scene.customer("generated");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  symlinkSync(TEST_MODULES, join(folder, "node_modules"));
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(CLIENT_CHECK));
  writeFileSync(join(folder, "order.ts"), ORDER);
  const url = `http://127.0.0.1:${server.port}`;
  const inFolder = { cwd: folder, preferLocal: true, localDir: TEST_MODULES };

  await execa("oazapfts", [`${url}/openapi.json`, "client.ts"], inFolder);
  const [, ordered] = await Promise.all([
    execa(join(ROOT_MODULES, ".bin/tsc"), ["-p", "tsconfig.json"], inFolder),
    execa(process.execPath, ["order.ts", url, customer.key], inFolder),
  ]);

  expect(JSON.parse(ordered.stdout)).toEqual({
    ordered: { name: "made by a client", status: "queued", cpu: 1 },
    read: "queued",
    refused: { status: 422, path: "gpu_model" },
    deleted: "deleting",
  });
  const { rows } = await scene.api.db.query("SELECT name, cpu FROM environments WHERE customer_id = $1", [
    customer.customerId,
  ]);
  expect(rows).toEqual([{ name: "made by a client", cpu: 1 }]);
});

const CLIENT_CHECK = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    target: "es2024",
    module: "nodenext",
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    typeRoots: [join(ROOT_MODULES, "@types")],
    types: ["node"],
  },
  files: ["order.ts"],
};

/** What somebody writes who has nothing but the document. */
const ORDER = `
import { createEnvironment, defaults, deleteEnvironment, getEnvironment } from "./client.ts";

const [, , url = "", key = ""] = process.argv;
defaults.baseUrl = url;
defaults.headers = { Authorization: \`Bearer \${key}\` };

const order = { name: "made by a client", image: "busybox:1", cpu: 1, memory: 2 ** 30 };
const created = await createEnvironment(order, { idempotencyKey: "once" });
if (created.status !== 201) throw new Error(JSON.stringify(created));
const { id, name, status, cpu } = created.data;
const read = await getEnvironment(id);
if (read.status !== 200) throw new Error(JSON.stringify(read));
const refused = await createEnvironment({ ...order, gpu: 1, config: { gpu_model: "two\\nlines" } });
if (refused.status !== 422) throw new Error(JSON.stringify(refused));
const deleted = await deleteEnvironment(id);
if (deleted.status !== 202) throw new Error(JSON.stringify(deleted));
console.log(
  JSON.stringify({
    ordered: { name, status, cpu },
    read: read.data.status,
    refused: { status: refused.status, path: refused.data.errors?.[0]?.path.split(".").at(-1) },
    deleted: deleted.data.status,
  }),
);
`;
