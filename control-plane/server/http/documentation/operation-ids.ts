/**
 * What each operation is called in generated clients: a verb and the words of its path, "createEnvironment",
 * "listHostGpus", "stopEnvironment". It follows from method, path and answer; a route for which that reads badly says its
 * own `operationId`.
 */
import { API_BASE } from "./api-base.ts";
import {
  contentOf,
  type Method,
  type Operation,
  resolved,
  type ApiDocument,
  type Route,
} from "./openapi-document.ts";

const VERBS: Record<Method, string> = {
  get: "get",
  post: "create",
  put: "set",
  patch: "change",
  delete: "delete",
};

export function operationId({ method, path, operation }: Route, document: ApiDocument): string {
  if (operation.operationId !== undefined) return operation.operationId;
  const parts = path.replace(API_BASE, "").split("/").filter(Boolean);
  // "environments/{id}" is one environment; what no parameter follows stays as it is written.
  const words = parts.flatMap((part, index) => {
    if (isParameter(part)) return [];
    return [isParameter(parts[index + 1] ?? "") ? singular(part) : part];
  });
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const isOne = isParameter(parts.at(-1) ?? "");
  if (method === "post" && operation.responses["201"] === undefined && !isOne) return named(last, before);
  if (method === "get" && isPage(operation, document)) return named("list", words);
  return named(VERBS[method], method === "post" ? [...before, singular(last)] : words);
}

function isParameter(part: string): boolean {
  return part.startsWith("{");
}

function isPage(operation: Operation, document: ApiDocument): boolean {
  const content = contentOf(operation.responses["200"]);
  return (
    content !== null && resolved(content.media.schema, document).properties?.["next_cursor"] !== undefined
  );
}

function named(verb: string, words: readonly string[]): string {
  const [first = "", ...rest] = [verb, ...words].map(pascal);
  return first.charAt(0).toLowerCase() + first.slice(1) + rest.join("");
}

/** "training-jobs" and "training_jobs" are TrainingJobs. */
export function pascal(word: string): string {
  return word
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");
}

export function singular(word: string): string {
  if (word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  if (word.endsWith("ches")) return word.slice(0, -2);
  return word.endsWith("s") && !/(ss|status)$/.test(word) ? word.slice(0, -1) : word;
}
