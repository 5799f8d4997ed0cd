/**
 * Which problems a route may answer with. Most follow from what kind of route it is: one with a body may find it too
 * large, one with a key may find it unknown. A route that may answer another says so: `"x-problems": [402]`.
 */
import { statusPhrase } from "../../core/reasons/plain-reason.ts";
import { problemDocument } from "../problems/problem-document.ts";
import { PROBLEM_STATUS, PROBLEM_TITLES } from "../problems/problem-statuses.ts";
import { ApiRefusal, badField, conflict, forbidden, notFound, type RefusalKind } from "../request/refusal.ts";
import { kindPhrase, workloadThing } from "../workloads/workload-thing.ts";
import { pascal } from "./operation-ids.ts";
import type { ApiDocument, Operation, ResponsePart, Route } from "./openapi-document.ts";
import { refTo } from "./openapi-document.ts";

const PROBLEM_TYPE = "application/problem+json";

/** What each kind says, and an example of a refusal of it. */
const MEANINGS: Readonly<Partial<Record<RefusalKind, readonly [says: string, example: ApiRefusal]>>> = {
  malformed: ["The body is not well-formed JSON.", new ApiRefusal("malformed", "body-not-json")],
  unauthenticated: [
    "The key is missing, unknown or revoked.",
    new ApiRefusal("unauthenticated", "key-unknown", { entryRefusal: "key-unknown" }),
  ],
  "no-funds": [
    "The account has too little money for what was ordered.",
    new ApiRefusal("no-funds", "balance-not-positive"),
  ],
  forbidden: [
    "It is visible to you, and your role does not allow this.",
    forbidden({ code: "role-too-small", params: { thing: workloadThing("environment", "env-1") } }),
  ],
  "not-found": [
    "It does not exist, or belongs to others: the two look alike.",
    notFound(workloadThing("environment", "env-1")),
  ],
  conflict: [
    "Its state does not allow this now, something else is in the way, or the same Idempotency-Key is being answered.",
    conflict({
      code: "command-needs-running",
      params: { kind: kindPhrase("environment"), status: statusPhrase("stopped") },
    }),
  ],
  "too-large": [
    "The body is larger than 2 MiB.",
    new ApiRefusal("too-large", { code: "body-too-large", params: { max_bytes: 2_097_152 } }),
  ],
  "unsupported-media-type": [
    "The body is not sent as application/json.",
    new ApiRefusal("unsupported-media-type", "body-not-sent-as-json"),
  ],
  "bad-input": [
    "A field is missing, unknown, out of bounds or cannot be met; `errors` names each.",
    badField("memory", { code: "number-too-small", params: { minimum: 16_777_216 } }),
  ],
  "too-many-requests": [
    "Too many requests; `Retry-After` says in how many seconds to try again.",
    new ApiRefusal("too-many-requests", {
      code: "requests-of-key-too-many",
      params: { retry_seconds: 2 },
    }),
  ],
  "internal-error": [
    "Our fault; it was written to the log.",
    new ApiRefusal("internal-error", "internal-error"),
  ],
  "wrong-answer": [
    "What runs in the workload answers something else than was asked for, or nothing.",
    new ApiRefusal("wrong-answer", {
      code: "replica-without-metrics",
      params: { rank: 0, detail: "It answers /metrics with 404 Not Found." },
    }),
  ],
  unavailable: [
    "What is needed for it does not answer now: the database, NATS or the host. Try again later.",
    new ApiRefusal("unavailable", "database-unavailable"),
  ],
  "no-room": [
    "The disk of the storage pool has not so much room, or a quota of its file system is used up.",
    new ApiRefusal("no-room", {
      code: "upload-pool-full",
      params: { storage_pool: "pool-a", free_size: "12 GiB", missing_size: "20 GiB" },
    }),
  ],
  "timed-out": [
    "It was not done within its time.",
    new ApiRefusal("timed-out", { code: "host-answer-late", params: { seconds: 60 } }),
  ],
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
  for (const [description, example] of Object.values(MEANINGS)) {
    const status = PROBLEM_STATUS[example.kind];
    document.components.responses[nameOf(status)] = problemPart(status, description, example);
  }
  for (const route of routes) addProblems(route.operation, statusesOf(route));
}

/** Without the answer to all else that routes are made with: a client that is generated could not tell by the status. */
function addProblems(operation: Operation, statuses: readonly number[]): void {
  delete operation.responses["default"];
  for (const status of statuses)
    operation.responses[status] ??= { $ref: `#/components/responses/${nameOf(status)}` };
  delete operation["x-problems"];
}

function problemPart(status: number, description: string, refusal: ApiRefusal): ResponsePart {
  const example = problemDocument(refusal, status);
  const content = { [PROBLEM_TYPE]: { schema: refTo("Problem"), example } };
  return { description, content, "x-status": status, "x-title": example.title };
}

function nameOf(status: number): string {
  return pascal(PROBLEM_TITLES[status] ?? String(status));
}
