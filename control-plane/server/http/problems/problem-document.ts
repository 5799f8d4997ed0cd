/** A refusal as a problem document (RFC 9457). Its type names the kind of refusal, and the code its reason. */
import { PROBLEM_TITLES } from "./problem-statuses.ts";
import type { ApiRefusal, FieldError, RefusalKind } from "../request/refusal.ts";

/** Where the page of all types is served; a type is the address of its heading there. */
const PROBLEMS_PATH = "/docs/api/problems";

export function problemType(kind: RefusalKind): string {
  return `${PROBLEMS_PATH}#${kind}`;
}

export function problemDocument(refusal: ApiRefusal, status: number) {
  const { kind, message, reason, errors, printed, refusedTopics, entryRefusal } = refusal;
  return {
    type: problemType(kind),
    title: PROBLEM_TITLES[status] ?? "Error",
    status,
    detail: message,
    reason_code: reason.code,
    reason_params: reason.params,
    ...(errors.length > 0 && { errors: errors.map(errorAnswer) }),
    ...(printed !== null && { printed }),
    ...(refusedTopics.length > 0 && { refused_topics: refusedTopics }),
    ...(entryRefusal !== null && { reason: entryRefusal }),
  };
}

function errorAnswer({ path, message, reason }: FieldError) {
  return { path, message, reason_code: reason.code, reason_params: reason.params };
}
