/**
 * Which problems a route may answer with. Most follow from what kind of route it is: one with a body may find it too
 * large, one with a key may find it unknown. A route that may answer another says so: `"x-problems": [402]`.
 */
import { PROBLEM_TITLES } from "../request/problem-statuses.ts";
import { pascal } from "./operation-ids.ts";
import type { ApiDocument, Operation, ResponsePart, Route } from "./openapi-document.ts";
import { refTo } from "./openapi-document.ts";

const PROBLEM_TYPE = "application/problem+json";

/** What each status says, and an example of a sentence that goes with it. */
const MEANINGS: Record<number, readonly [says: string, detail: string]> = {
  400: ["The body is not well-formed JSON.", "The body is not well-formed JSON."],
  401: ["The key is missing, unknown or revoked.", "This API key is not known."],
  402: [
    "The account has too little money for what was ordered.",
    "The balance is 0.0000; this order needs 3.5000 to begin.",
  ],
  403: [
    "It is visible to you, and your role does not allow this.",
    "Viewers may not do this in workspace 42.",
  ],
  404: [
    "It does not exist, or belongs to others: the two look alike.",
    "There is no environment env-1 that you can see.",
  ],
  409: [
    "Its state does not allow this now, something else is in the way, or the same Idempotency-Key is being answered.",
    "Commands run in a running environment; this one is stopped.",
  ],
  413: ["The body is larger than 2 MiB.", "A body may have at most 2097152 bytes."],
  415: ["The body is not sent as application/json.", "Send the body as application/json."],
  422: [
    "A field is missing, unknown, out of bounds or cannot be met; `errors` names each.",
    "memory: must be at least 16777216",
  ],
  429: [
    "Too many requests; `Retry-After` says in how many seconds to try again.",
    "Too many requests from this key; try again in 2 s.",
  ],
  500: ["Our fault; it was written to the log.", "This is our fault. It was written to the log."],
  502: [
    "What runs in the workload answers something else than was asked for, or nothing.",
    "Replica 0 tells no metrics: It answers /metrics with 404 Not Found.",
  ],
  503: [
    "What is needed for it does not answer now: the database, NATS or the host. Try again later.",
    "The database does not answer now; try again shortly.",
  ],
  507: [
    "The disk of the storage pool has not so much room, or a quota of its file system is used up.",
    "Storage pool pool-a has 12 GiB left, and 20 GiB are still to come.",
  ],
  504: ["It was not done within its time.", "The command did not end within 60 s and was killed."],
};

const UNSAFE = new Set(["post", "put", "patch", "delete"]);

/** By status, ascending. */
function statusesOf({ method, operation }: Route): number[] {
  const { parameters = [], requestBody, "x-access": access, "x-problems": more = [] } = operation;
  const hasInput = parameters.length > 0 || requestBody !== undefined;
  const statuses = [
    ...(access === "public" ? [] : [401, 403]),
    ...(requestBody === undefined ? [] : [400, 413, 415]),
    ...(hasInput ? [404, 422] : []),
    ...(UNSAFE.has(method) ? [409, 413] : []),
    429,
    500,
    503,
    ...more,
  ];
  return [...new Set(statuses)].toSorted((a, b) => a - b);
}

export function describeProblems(document: ApiDocument, routes: readonly Route[]): void {
  for (const [status, [description, detail]] of Object.entries(MEANINGS))
    document.components.responses[nameOf(Number(status))] = problemPart(Number(status), description, detail);
  for (const route of routes) addProblems(route.operation, statusesOf(route));
}

/** Without the answer to all else that routes are made with: a client that is generated could not tell by the status. */
function addProblems(operation: Operation, statuses: readonly number[]): void {
  delete operation.responses["default"];
  for (const status of statuses)
    operation.responses[status] ??= { $ref: `#/components/responses/${nameOf(status)}` };
  delete operation["x-problems"];
}

function problemPart(status: number, description: string, detail: string): ResponsePart {
  const title = PROBLEM_TITLES[status] ?? "";
  const example = { type: "about:blank", title, status, detail };
  const content = { [PROBLEM_TYPE]: { schema: refTo("Problem"), example } };
  return { description, content, "x-status": status, "x-title": title };
}

function nameOf(status: number): string {
  return pascal(PROBLEM_TITLES[status] ?? String(status));
}
