/** Turns what zod found wrong into `errors: [{path, message}]`, naming the innermost field that is to blame. */
import type { z } from "@hono/zod-openapi";
import { reasonOfIssue } from "./issue-reason.ts";
import { ApiRefusal, fieldError, type FieldError } from "../request/refusal.ts";

/** A caller who sends a thousand unknown fields learns about the first ones. */
const MAX_ERRORS = 50;

type Issue = z.core.$ZodIssue;

export class InputRefused extends ApiRefusal {
  constructor(errors: FieldError[]) {
    const [first] = errors;
    if (first === undefined) super("bad-input", "input-invalid");
    else super("bad-input", first.reason, { detail: `${first.path}: ${first.message}`, errors });
  }
}

export function fieldErrorsOf(error: { issues: readonly Issue[] }): FieldError[] {
  const errors = error.issues.flatMap((issue) => errorsOf(issue, []));
  // One message a field: a number below zero breaks every lower bound, and one of them is enough to know.
  const first = new Map(errors.toReversed().map((one) => [one.path, one]));
  return errors.filter((one) => first.get(one.path) === one).slice(0, MAX_ERRORS);
}

function errorsOf(issue: Issue, parents: readonly PropertyKey[]): FieldError[] {
  const path = [...parents, ...issue.path];
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => fieldError(dotted([...path, key]), "field-unknown"));
  if (issue.code === "invalid_key" || issue.code === "invalid_element")
    return issue.issues.map((inner) => fieldError(dotted(path), reasonOfIssue(inner)));
  if (issue.code === "invalid_union") {
    // The alternative with the fewest complaints is the one that was meant.
    const closest = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
    if (closest.length > 0) return closest.flatMap((inner) => errorsOf(inner, path));
  }
  const isMissing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  return [fieldError(dotted(path), isMissing ? "field-missing" : reasonOfIssue(issue))];
}

/** "mounts.0.path"; the whole body is named "body". Field names come from strangers, so they are cut. */
function dotted(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "body";
  return path
    .map((part) => (part === "" ? '""' : String(part)))
    .join(".")
    .slice(0, 200);
}
