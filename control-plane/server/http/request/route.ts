/**
 * The parts a route definition is made of: who may call it, its JSON body, its answer, and the problem document
 * that stands for everything else. A route file reads as a list of these.
 */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "./input-failure.ts";
import { text } from "@remotegpu/shared/values/text";
import type { ScopeRule } from "../../core/accounts/key-scopes.ts";
import { recordRequest } from "./audit.ts";
import { authenticate, authenticateToLeave, requireAdmin, requireScope } from "./authentication.ts";
import { limitAddress, limitKey } from "./rate-limit.ts";
import { claimBefore, replayAnswered } from "./idempotency.ts";
import { ENTRY_REFUSALS } from "./refusal.ts";
import { ReasonParams } from "./reason-answer.ts";

const PrintedSoFar = z
  .object({
    stdout: z.string(),
    stderr: z.string(),
    encoding: z.enum(["text", "base64"]).describe("That of the order"),
    truncated: z.boolean(),
  })
  .openapi("PrintedSoFar");

const Problem = z
  .object({
    type: z.string().openapi({
      description: "What kind of problem: the address of its heading on the page of all types",
      example: "/docs/api/problems#bad-input",
    }),
    title: z.string().openapi({
      description: "The meaning of the status, for people",
      example: "Invalid input",
    }),
    status: z.int().openapi({ description: "The HTTP status, once more", example: 422 }),
    detail: z.string().openapi({
      description: "What is wrong, in a sentence",
      example: "memory: must be at least 16777216",
    }),
    reason_code: z.string().openapi({
      description: "The reason as a word for programs",
      example: "memory-below-minimum",
    }),
    reason_params: ReasonParams.openapi({
      description:
        "The names and numbers of the reason, by their names; which there are follows from the code",
      example: { max_webhooks: 20 },
    }),
    errors: z
      .array(
        z.object({
          path: z.string().openapi({
            description: "The field, dotted from the root of the body; or the parameter's name",
            example: "config.gpu_model",
          }),
          message: z.string().openapi({ description: "What is wrong with it", example: "is missing" }),
          reason_code: z.string().openapi({
            description: "The same as a word for programs",
            example: "field-missing",
          }),
          reason_params: ReasonParams.openapi({ description: "The names and numbers of it", example: {} }),
        }),
      )
      .optional()
      .describe("Each field that is wrong"),
    printed: PrintedSoFar.optional(),
    refused_topics: z
      .array(z.string())
      .optional()
      .openapi({
        description: "Of a stream: the topics that it cannot be about, each as requested",
        example: ["env:env-8sk2m4qz"],
      }),
    reason: z.enum(ENTRY_REFUSALS).optional().openapi({
      description:
        "With 401 and 403, of a session, key, ticket or account that opens nothing: why, as a word for programs",
      example: "session-expired",
    }),
    trace_id: z.string().optional().openapi({
      description: "The trace of the request, which log lines of the server and of hosts name, too",
      example: "4bf92f3577b34da6a3ce929d0e0e4736",
    }),
  })
  .openapi("Problem");

const problems = {
  default: {
    description: "A problem document (RFC 9457)",
    content: { "application/problem+json": { schema: Problem } },
  },
};

/** The routes of customers that need this scope of the key; the handler looks at what belongs to whom. */
export const forCustomersWith = (scope: ScopeRule) => ({
  middleware: [recordRequest, limitAddress, authenticate, limitKey, requireScope(scope), replayAnswered],
  security: [{ bearer: [] }],
  "x-access": "customer",
  "x-scope": scope,
});

/** Whoever holds a session may end it, also where its account is suspended. */
export const forLeaving = {
  ...forCustomersWith("any"),
  middleware: [recordRequest, limitAddress, authenticateToLeave, limitKey, requireScope("any")],
};

/** Any customer whose key reads, for a GET, or orders, for everything else. */
export const forCustomers = forCustomersWith("by-method");

/** The same for parts of an upload, of which there may be many of a key at once. */
export const forUploads = {
  ...forCustomers,
  middleware: [recordRequest, limitAddress, authenticate, requireScope("by-method")],
};

export const forAdminsWith = (scope: ScopeRule) => ({
  middleware: [
    recordRequest,
    limitAddress,
    authenticate,
    limitKey,
    requireScope(scope),
    requireAdmin,
    replayAnswered,
  ],
  security: [{ bearer: [] }],
  "x-access": "admin",
  "x-scope": scope,
});

export const forAdmins = forAdminsWith("by-method");

/** The same for a POST that does something beyond the database, and may take so long. */
export const forCustomersBeyondDatabase = (boundSeconds: number) => ({
  ...forCustomers,
  middleware: [
    recordRequest,
    limitAddress,
    authenticate,
    limitKey,
    requireScope("by-method"),
    claimBefore(boundSeconds),
  ],
  "x-idempotency-bound-seconds": boundSeconds,
});

export const forEveryone = {
  middleware: [recordRequest, limitAddress],
  security: [],
  "x-access": "public",
};

export function jsonBody<S extends z.ZodType>(schema: S) {
  return { required: true as const, content: { "application/json": { schema } } };
}

export function optionalJsonBody<S extends z.ZodType>(schema: S) {
  return { required: false as const, content: { "application/json": { schema } } };
}

export function ok<S extends z.ZodType>(description: string, schema: S) {
  return { 200: { description, content: { "application/json": { schema } } }, ...problems };
}

/** The same as a table, too, for whoever accepts text/csv. */
export function okOrCsv<S extends z.ZodType>(description: string, schema: S) {
  const content = { "application/json": { schema }, "text/csv": { schema: z.string() } };
  return { 200: { description, content }, ...problems };
}

/** Bytes of that type, as they come. */
export function okStream(description: string, type: string) {
  return { 200: { description, content: { [type]: { schema: z.string() } } }, ...problems };
}

/** A file's bytes, whole or a part, or what a folder holds. */
export function okFile<S extends z.ZodType>(description: string, folder: S) {
  const bytes = { "application/octet-stream": { schema: z.string() } };
  return {
    200: { description, content: { "application/json": { schema: folder }, ...bytes } },
    206: { description: "The requested part", content: bytes },
    ...problems,
  };
}

export function created<S extends z.ZodType>(description: string, schema: S) {
  return { 201: { description, content: { "application/json": { schema } } }, ...problems };
}

export function accepted<S extends z.ZodType>(description: string, schema: S) {
  return { 202: { description, content: { "application/json": { schema } } }, ...problems };
}

export function noContent(description: string) {
  return { 204: { description }, ...problems };
}

/** A bigserial id in a path. Fifteen digits are exact in a JavaScript number. */
export const NumericId = z
  .string()
  .regex(/^[1-9][0-9]{0,14}$/, inputFailure("number-not-positive"))
  .transform(Number)
  .openapi({ type: "integer", minimum: 1 });

export const NumericIdPath = z.object({ id: NumericId });

/** An opaque id in a path. What does not look like one cannot exist, so a stranger's spelling is simply not found. */
export const OpaqueIdPath = z.object({
  id: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9_-]+$/, inputFailure("id-malformed")),
});

/** A workload's id in a path: ours are opaque ids, the old system's may be any text. varchar(64) counts code points. */
export const WorkloadIdPath = z.object({ id: text(128).min(1) });

export const Timestamp = z.iso.datetime();

/** What a Timestamp that may be missing says. */
export function iso(moment: Date | null): string | null {
  return moment?.toISOString() ?? null;
}

/** A decimal, as text. */
export const Money = z.string().openapi({ example: "12.5000" });
