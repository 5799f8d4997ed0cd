/**
 * What a new document takes from clients of the one that is kept: a sentence for each thing that is gone or narrower.
 * Problems are not compared, since any may come from any route; nor are words, examples and defaults.
 */
import {
  type ApiDocument,
  type Operation,
  type Parameter,
  type Route,
  routesOf,
  type Schema,
} from "@remotegpu/control-plane/server/http/documentation/openapi-document";
import { schemaNarrowings, type Side, type Versions } from "./schema-narrowing.ts";

/** In the order in which fewer people may. */
const ACCESS = ["public", "customer", "admin"];

type Content = Record<string, { schema: Schema }>;

export function narrowings(documents: Versions<ApiDocument>): string[] {
  const made = new Map(routesOf(documents.made).map((route) => [nameOf(route), route.operation]));
  const found = routesOf(documents.stored).flatMap((route) => {
    const name = nameOf(route);
    const now = made.get(name);
    return now === undefined
      ? [`${name} is no longer there`]
      : ofOperations(documents, { stored: route.operation, made: now }, name);
  });
  // What has a name is compared wherever it stands.
  return [...new Set(found)];
}

function nameOf({ method, path }: Route): string {
  return `${method.toUpperCase()} ${path}`;
}

function ofOperations(
  documents: Versions<ApiDocument>,
  operations: Versions<Operation>,
  name: string,
): string[] {
  return [
    ...ofCallers(operations, name),
    ...ofParameters(documents, operations, name),
    ...ofBodies(documents, operations, name),
    ...ofAnswers(documents, operations, name),
  ];
}

/** A generated client has a function of the operation's id. */
function ofCallers({ stored, made }: Versions<Operation>, name: string): string[] {
  const rank = ({ "x-access": access = "public" }: Operation) => ACCESS.indexOf(access);
  const scopeOf = ({ "x-scope": scope = "any" }: Operation) => JSON.stringify(scope);
  const isNewScope = scopeOf(made) !== scopeOf(stored) && scopeOf(made) !== '"any"';
  return [
    ...(made.operationId === stored.operationId ? [] : [`${name} is no longer called ${stored.operationId}`]),
    ...(rank(made) > rank(stored) ? [`${name} is now for ${made["x-access"]} alone`] : []),
    ...(isNewScope ? [`${name} now needs the scope ${scopeOf(made)}`] : []),
  ];
}

function ofParameters(
  documents: Versions<ApiDocument>,
  operations: Versions<Operation>,
  name: string,
): string[] {
  const [stored, made] = [parametersOf(operations.stored), parametersOf(operations.made)];
  const required = [...made].filter(
    ([key, { required: isRequired = false }]) => isRequired && stored.get(key)?.required !== true,
  );
  return [
    ...required.map(([key]) => `${name}: ${key} is now required`),
    ...[...stored].flatMap(([key, parameter]) => {
      const now = made.get(key);
      const place = `${name}: ${key}`;
      if (now === undefined) return [`${place} is no longer there`];
      return schemaNarrowings("request", documents, { stored: parameter.schema, made: now.schema }, place);
    }),
  ];
}

function parametersOf({ parameters = [] }: Operation): Map<string, Parameter> {
  return new Map(parameters.map((parameter) => [`${parameter.in} ${parameter.name}`, parameter]));
}

function ofBodies(
  documents: Versions<ApiDocument>,
  { stored, made }: Versions<Operation>,
  name: string,
): string[] {
  const isNowRequired = made.requestBody?.required === true && stored.requestBody?.required !== true;
  return [
    ...(isNowRequired ? [`${name}: a body is now required`] : []),
    ...ofContents(
      "request",
      documents,
      { stored: stored.requestBody?.content ?? {}, made: made.requestBody?.content ?? {} },
      `${name}: the body`,
    ),
  ];
}

function ofAnswers(
  documents: Versions<ApiDocument>,
  { stored, made }: Versions<Operation>,
  name: string,
): string[] {
  return Object.entries(stored.responses)
    .filter(([status]) => /^[123]/.test(status))
    .flatMap(([status, { content: before = {} }]) => {
      const now = made.responses[status];
      const place = `${name}: the answer ${status}`;
      if (now === undefined) return [`${place} is no longer there`];
      return ofContents("answer", documents, { stored: before, made: now.content ?? {} }, place);
    });
}

function ofContents(
  side: Side,
  documents: Versions<ApiDocument>,
  { stored, made }: Versions<Content>,
  place: string,
): string[] {
  return Object.entries(stored).flatMap(([type, { schema }]) => {
    const now = made[type];
    if (now === undefined) return [`${place} is no longer ${type}`];
    return schemaNarrowings(side, documents, { stored: schema, made: now.schema }, place);
  });
}
