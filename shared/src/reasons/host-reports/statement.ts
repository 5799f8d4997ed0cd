/**
 * What a host reports in words: a reason of the catalogue, or a text of others, as of a registry, of the container runtime
 * or of an older agent. Messages and records carry the text, and the reason beside it where there is one.
 */
import { AS_REPORTED, wordingOf } from "../wording.ts";
import { HOST_ENGLISH, type HostReason } from "./host-reason.ts";

export type HostStatement = string | HostReason;

/** A text as messages have it. */
export interface Worded {
  detail: string;
  /** Absent where all of the text is of others. */
  reason?: HostReason | undefined;
}

export function worded(statement: HostStatement): Worded {
  return typeof statement === "string"
    ? { detail: statement }
    : { detail: textOf(statement), reason: statement };
}

/** Where messages have the text as the `reason`, and the reason beside it. */
export function explained(why: HostReason): { reason: string; why: HostReason } {
  return { reason: textOf(why), why };
}

export function textOf(statement: HostStatement): string {
  return typeof statement === "string" ? statement : wordingOf(statement, HOST_ENGLISH);
}

export function statementOf({ detail, reason }: Worded): HostStatement {
  return reason ?? detail;
}

export function reasonOf(statement: HostStatement): HostReason {
  return typeof statement === "string" ? { code: AS_REPORTED, params: { text: statement } } : statement;
}

/** One after the other. */
export function inSequence(...statements: readonly HostStatement[]): HostStatement {
  if (statements.every((statement) => typeof statement === "string")) return statements.join(" ");
  return { code: "in-sequence", params: { reasons: statements.flatMap(partsOf) } };
}

/** A sequence within a sequence is read as one. */
function partsOf(statement: HostStatement): readonly HostReason[] {
  const reason = reasonOf(statement);
  return reason.code === "in-sequence" ? reason.params.reasons : [reason];
}
