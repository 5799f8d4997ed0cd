/**
 * What a route says when it will not do what it was asked. A refusal names its kind and a sentence; which HTTP
 * status that becomes is decided in app.ts and nowhere else.
 */

export type RefusalKind =
  | "malformed"
  | "bad-input"
  | "unauthenticated"
  | "no-funds"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "too-large"
  | "no-room"
  | "unsupported-media-type"
  | "too-many-requests"
  /** Of what a program of a customer says, in place of what was asked for. */
  | "wrong-answer"
  | "unavailable"
  | "timed-out";

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
  message: string;
}

/** The output of a command whose time was over. */
export interface PrintedSoFar {
  stdout: string;
  stderr: string;
  encoding: "text" | "base64";
  truncated: boolean;
}

export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  readonly kind: RefusalKind;
  readonly errors: readonly FieldError[];
  readonly retryAfterSeconds: number | null;
  readonly printed: PrintedSoFar | null;
  readonly refusedTopics: readonly string[];
  readonly reason: EntryRefusal | null;

  constructor(
    kind: RefusalKind,
    detail: string,
    {
      errors = [],
      retryAfterSeconds = null,
      printed = null,
      refusedTopics = [],
      reason = null,
    }: {
      errors?: FieldError[];
      retryAfterSeconds?: number | null;
      printed?: PrintedSoFar | null;
      /** The topics that a stream cannot be about. */
      refusedTopics?: readonly string[];
      reason?: EntryRefusal | null;
    } = {},
  ) {
    super(detail);
    this.kind = kind;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
    this.printed = printed;
    this.refusedTopics = refusedTopics;
    this.reason = reason;
  }
}

/** Also for what exists but belongs to others: the two must look alike. */
export function notFound(what: string): ApiRefusal {
  return new ApiRefusal("not-found", `There is no ${what} that you can see.`);
}

export function conflict(detail: string): ApiRefusal {
  return new ApiRefusal("conflict", detail);
}

export function forbidden(detail: string): ApiRefusal {
  return new ApiRefusal("forbidden", detail);
}

/** A value that the schema accepts and the state of the world does not: still named by its field. */
export function badField(path: string, message: string): ApiRefusal {
  return new ApiRefusal("bad-input", `${path}: ${message}`, { errors: [{ path, message }] });
}
