/**
 * What a route says when it will not do what it was asked. A refusal names its kind and its reason, which is data and has a
 * text in English; which HTTP status that becomes is decided in app.ts and nowhere else.
 */
import { inEnglish } from "../../core/reasons/english/english.ts";
import { type GivenReason, reasonOf } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";

export type RefusalKind =
  | "malformed"
  | "bad-input"
  | "unauthenticated"
  | "no-funds"
  | "forbidden"
  | "not-found"
  | "method-not-allowed"
  | "conflict"
  | "too-large"
  | "no-room"
  | "unsupported-media-type"
  | "too-many-requests"
  /** Of what a program of a customer says, in place of what was asked for. */
  | "wrong-answer"
  | "unavailable"
  | "timed-out"
  | "internal-error";

/** Why a session, a key or a ticket opens nothing, as a word for programs: a page says it in its reader's language. */
export const ENTRY_REFUSALS = [
  "key-malformed",
  "key-unknown",
  "key-expired",
  "ticket-spent",
  "session-expired",
  /** From elsewhere, by its account. */
  "session-ended",
  /** It was the oldest of as many as an account may have. */
  "session-crowded-out",
  /** With its key, which was revoked or has expired. */
  "session-key-ended",
  "session-unknown",
  /** Two cookies came. */
  "session-doubled",
  "account-suspended",
  "account-closed",
] as const;
export type EntryRefusal = (typeof ENTRY_REFUSALS)[number];

/** One field that is wrong; `path` is dotted from the root of the body or names the query or path parameter. */
export interface FieldError {
  path: string;
  /** What the reason says in English, as the name of the field goes before it. */
  message: string;
  reason: Reason;
}

/** Of a command whose time was over: what it had printed. */
export interface PrintedSoFar {
  stdout: string;
  stderr: string;
  encoding: "text" | "base64";
  truncated: boolean;
}

interface RefusalDetails {
  /** The sentence, where more than the reason stands in it. */
  detail?: string;
  errors?: readonly FieldError[];
  retryAfterSeconds?: number | null;
  printed?: PrintedSoFar | null;
  /** Of a stream: those that it cannot be about. */
  refusedTopics?: readonly string[];
  entryRefusal?: EntryRefusal | null;
}

export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  readonly kind: RefusalKind;
  readonly reason: Reason;
  readonly errors: readonly FieldError[];
  readonly retryAfterSeconds: number | null;
  readonly printed: PrintedSoFar | null;
  readonly refusedTopics: readonly string[];
  readonly entryRefusal: EntryRefusal | null;

  constructor(
    kind: RefusalKind,
    given: GivenReason,
    {
      detail = inEnglish(reasonOf(given)),
      errors = [],
      retryAfterSeconds = null,
      printed = null,
      refusedTopics = [],
      entryRefusal = null,
    }: RefusalDetails = {},
  ) {
    super(detail);
    this.kind = kind;
    this.reason = reasonOf(given);
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
    this.printed = printed;
    this.refusedTopics = refusedTopics;
    this.entryRefusal = entryRefusal;
  }
}

/** Also for what exists but belongs to others: the two must look alike. */
export function notFound(thing: GivenReason): ApiRefusal {
  return new ApiRefusal("not-found", { code: "not-found", params: { thing: reasonOf(thing) } });
}

export function conflict(reason: GivenReason): ApiRefusal {
  return new ApiRefusal("conflict", reason);
}

export function forbidden(reason: GivenReason): ApiRefusal {
  return new ApiRefusal("forbidden", reason);
}

export function fieldError(path: string, given: GivenReason): FieldError {
  const reason = reasonOf(given);
  return { path, message: inEnglish(reason), reason };
}

/** A value that the schema accepts and the state of the world does not: still named by its field. */
export function badField(path: string, reason: GivenReason): ApiRefusal {
  return badFields([fieldError(path, reason)]);
}

/** The reason is that of the first; each field has its own beside it. */
export function badFields(errors: readonly FieldError[]): ApiRefusal {
  const [first] = errors;
  const detail = errors.map(({ path, message }) => `${path}: ${message}`).join("; ");
  if (first === undefined) return new ApiRefusal("bad-input", "input-invalid");
  return new ApiRefusal("bad-input", first.reason, { detail, errors });
}
