/** What a question leaves on the page: operations and schemas in which all of its words stand, and what those refer to. */
import {
  type ApiDocument,
  contentOf,
  type Operation,
  refName,
  resolved,
  type Route,
  type Schema,
} from "../openapi-document.ts";

export type Question = readonly string[];

export function questionOf(text: string): Question {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

export function holdsAll(text: string, question: Question): boolean {
  return question.every((word) => text.includes(word));
}

/** All that may be asked for of an operation, in lower case. */
export function textOfOperation({ method, path, operation }: Route, document: ApiDocument): string {
  const { operationId, summary, description, tags = [], parameters = [] } = operation;
  const fields = schemasOf(operation).flatMap((schema) => [
    refName(schema),
    ...Object.keys(resolved(schema, document).properties ?? {}),
  ]);
  const names = parameters.map(({ name }) => name);
  return [method, path, operationId, summary, description, ...tags, ...names, ...fields]
    .join(" ")
    .toLowerCase();
}

export function textOfSchema(name: string, { description, properties = {} }: Schema): string {
  const fields = Object.entries(properties).flatMap(([field, value]) => [field, value.description]);
  return [name, description, ...fields].join(" ").toLowerCase();
}

/** The named schemas that an operation or a schema refers to, and those that these refer to. */
export function referredTo(
  part: Operation | Schema,
  document: ApiDocument,
  known = new Set<string>(),
): Set<string> {
  for (const [, name = ""] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    if (known.has(name)) continue;
    known.add(name);
    const schema = document.components.schemas[name];
    if (schema !== undefined) referredTo(schema, document, known);
  }
  return known;
}

function schemasOf({ requestBody, responses }: Operation): Schema[] {
  return [requestBody, ...Object.values(responses)].flatMap((part) => contentOf(part)?.media.schema ?? []);
}
