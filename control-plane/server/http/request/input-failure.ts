/** The options of a check of a body, a query or a path: what fails it is refused for this reason, in its English text. */
import { failure } from "@remotegpu/shared/values/failure";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { type GivenReason, reasonOf } from "../../core/reasons/plain-reason.ts";

export function inputFailure(given: GivenReason) {
  const reason = reasonOf(given);
  return failure(reason, inEnglish(reason));
}

/** For a body whose fields are checked together: what is wrong with one of them. */
export function inputIssue(field: string, given: GivenReason) {
  const reason = reasonOf(given);
  return { code: "custom" as const, path: [field], message: inEnglish(reason), params: { reason } };
}
