/**
 * The generator's own part: one function for each operation of the OpenAPI document, which returns the request as data
 * (`api-request.ts`). orval makes the types of queries, bodies and answers.
 */
import type { ClientGeneratorsBuilder, GeneratorVerbOptions } from "orval";
import { API_ROOT } from "./api-request.ts";

/** What of an OpenAPI document this file reads. */
export interface ApiDocument {
  paths: Record<string, Record<string, Operation>>;
}
interface Operation {
  parameters?: Parameter[];
  responses?: Answers;
  requestBody?: { required?: boolean; content: Record<string, unknown> };
}
/** Either with a schema of its own or a reference to one. */
type Parameter = object;
type Answers = Record<string, { content?: Record<string, unknown> }>;

const JSON_TYPE = "application/json";

/** The operations below the API's root, by paths behind it; what answers JSON or a file is typed by its JSON. */
export function apiPart<Whole extends ApiDocument>(document: Whole): Whole {
  const paths = Object.entries(document.paths)
    .filter(([path]) => path.startsWith(API_ROOT))
    .map(([path, operations]) => [path.slice(API_ROOT.length) || "/", asSent(operations)] as const);
  return { ...document, paths: Object.fromEntries(paths) };
}

function asSent(operations: Record<string, Operation>): Record<string, Operation> {
  return Object.fromEntries(
    Object.entries(operations).map(([method, operation]) => [
      method,
      {
        ...operation,
        ...(operation.parameters && { parameters: operation.parameters.map(orText) }),
        responses: jsonAnswers(operation.responses ?? {}),
      },
    ]),
  );
}

/** A number in a path or a query may also come as it was typed: there it is text in any case. */
function orText(parameter: Parameter): Parameter {
  if (!("schema" in parameter) || typeof parameter.schema !== "object") return parameter;
  const { schema } = parameter;
  const isNumber = schema !== null && "type" in schema && schema.type === "integer";
  return isNumber ? { ...parameter, schema: { type: ["integer", "string"] } } : parameter;
}

function jsonAnswers(answers: Answers): Answers {
  const ofJson = Object.entries(answers).flatMap(([status, answer]) => {
    const json = answer.content?.[JSON_TYPE];
    return json === undefined ? [] : [[status, { ...answer, content: { [JSON_TYPE]: json } }] as const];
  });
  return ofJson.length === 0 ? answers : Object.fromEntries(ofJson);
}

/** What the generated functions call: short, since there are 264 of them. */
const CALLED = ["path", "get", "post", "put", "patch", "remove"];

export const requestFunctions: ClientGeneratorsBuilder = {
  client: (operation) => ({ implementation: functionOf(operation), imports: importsOf(operation) }),
  dependencies: () => [
    {
      exports: [{ name: "ApiRequest" }, ...CALLED.map((name) => ({ name, values: true }))],
      dependency: "../api-request.ts",
    },
  ],
};

function functionOf(operation: GeneratorVerbOptions): string {
  const { operationName, verb, response, body, queryParams } = operation;
  const parts = [
    pathOf(operation),
    ...(queryParams === undefined ? (isJson(body) ? ["undefined"] : []) : ["query"]),
    ...(isJson(body) ? ["body"] : []),
  ];
  const answer = response.definition.success || "void";
  return `${routeOf(operation, answer)}export const ${operationName} = (${parametersOf(operation).join(", ")}): ApiRequest<${answer}> => ${verb === "delete" ? "remove" : verb}(${parts.join(", ")});\n\n`;
}

/** A member of the interface of all routes: its answer by method and path, for whoever writes a path by hand. */
function routeOf({ verb, pathRoute }: GeneratorVerbOptions, answer: string): string {
  return `export interface Routes { "${verb.toUpperCase()} ${pathRoute}": ${answer} }\n\n`;
}

/** Parts of the path first, then the body, then the query. */
function parametersOf({ params, body, queryParams, originalOperation }: GeneratorVerbOptions): string[] {
  const { requestBody } = originalOperation as Operation;
  const isBodyOptional = requestBody?.required !== true;
  return [
    ...params.map(({ definition }) => definition),
    ...(isJson(body) ? [`body${isBodyOptional ? "?" : ""}: ${body.definition}`] : []),
    ...(queryParams === undefined
      ? []
      : [`query${queryParams.isOptional ? "?" : ""}: ${queryParams.schema.name}`]),
  ];
}

/** A file's content is given to the transport, not to the function. */
function isJson({ contentType }: GeneratorVerbOptions["body"]): boolean {
  return contentType === JSON_TYPE;
}

function pathOf({ route }: GeneratorVerbOptions): string {
  if (route === "/") return `""`;
  return route.includes("${") ? `path\`${route}\`` : `"${route}"`;
}

function importsOf({ response, body, queryParams, params }: GeneratorVerbOptions) {
  return [
    ...response.imports,
    ...body.imports,
    ...params.flatMap(({ imports }) => imports),
    ...(queryParams === undefined ? [] : [{ name: queryParams.schema.name }]),
  ];
}
