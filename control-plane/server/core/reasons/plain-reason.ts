/** Reasons without parameters, which are written as their codes alone, and the names of statuses within other reasons. */
import { asReported, type PlainCode, type Reason, REASON_CODES, type ReasonCode } from "./reason.ts";

/** A reason as code writes it. */
export type GivenReason = Reason | PlainCode;

export function reasonOf(given: GivenReason): Reason {
  return typeof given === "string" ? { code: given, params: {} } : given;
}

/** A status that only the old system knew stands as that said it. */
export function statusPhrase(status: string): Reason {
  const code = `status-${status}`;
  return isPlain(code) ? reasonOf(code) : asReported(status);
}

function isPlain(code: string): code is PlainCode {
  return Object.hasOwn(REASON_CODES, code) && Object.keys(REASON_CODES[code as ReasonCode]).length === 0;
}
