/** Which reason an issue of zod is: that of the check which failed, or that of a type, a size or a format. */
import type { z } from "@hono/zod-openapi";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { type GivenReason, reasonOf } from "../../core/reasons/plain-reason.ts";
import { asReported, isReason, type Reason, type PlainCode } from "../../core/reasons/reason.ts";

type Issue = z.core.$ZodIssue;

/** An issue whose message says something else than its reason would has the message as its reason. */
export function reasonOfIssue(issue: Issue): Reason {
  const own = reasonOfCheck(issue);
  const reason = isReason(own) ? own : reasonOf(foundIn(issue));
  return inEnglish(reason) === issue.message ? reason : asReported(issue.message);
}

/** What a check with words of its own has left on its issue; null where it has no reason. */
export function reasonOfCheck(issue: object): unknown {
  const params = "params" in issue ? issue.params : null;
  return typeof params === "object" && params !== null && "reason" in params ? params.reason : null;
}

function foundIn(issue: Issue): GivenReason {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(issue.message);
    case "invalid_value":
      return otherValue(issue);
    case "too_big":
      return tooLarge(issue);
    case "too_small":
      return tooSmall(issue);
    case "invalid_format":
      return malformed(issue);
    case "not_multiple_of":
    case "unrecognized_keys":
    case "invalid_union":
    case "invalid_key":
    case "invalid_element":
    case "custom":
      return "value-invalid";
  }
}

/** Which type came stands in the message alone: zod keeps no input in its issues. */
function wrongType(message: string): GivenReason {
  const [, expected, received] = /expected (\S+), received (\S+)$/.exec(message) ?? [];
  if (expected === undefined || received === undefined) return "value-invalid";
  return { code: "type-wrong", params: { expected: typeName(expected), received: typeName(received) } };
}

const TYPES: Readonly<Record<string, PlainCode>> = {
  string: "type-string",
  number: "type-number",
  int: "type-int",
  boolean: "type-boolean",
  array: "type-array",
  tuple: "type-tuple",
  object: "type-object",
  record: "type-record",
  null: "type-null",
};

function typeName(name: string): Reason {
  const code = TYPES[name];
  return code === undefined ? asReported(name) : reasonOf(code);
}

function otherValue({ values }: z.core.$ZodIssueInvalidValue): GivenReason {
  const [first] = values;
  if (values.length > 1) return { code: "option-unknown", params: { options: values.map(String) } };
  const expected = typeof first === "string" ? `"${first}"` : String(first);
  return { code: "value-other", params: { expected } };
}

function tooLarge({ origin, maximum, inclusive }: z.core.$ZodIssueTooBig): GivenReason {
  const most = Number(maximum);
  if (origin === "string") return { code: "text-too-long", params: { max_characters: most } };
  if (origin === "array") return { code: "list-too-long", params: { max_items: most } };
  if (origin === "int") return { code: "integer-too-large", params: { maximum: most } };
  return inclusive === true
    ? { code: "number-too-large", params: { maximum: most } }
    : { code: "number-not-below", params: { limit: most } };
}

function tooSmall({ origin, minimum, inclusive }: z.core.$ZodIssueTooSmall): GivenReason {
  const least = Number(minimum);
  if (origin === "string") return { code: "text-too-short", params: { min_characters: least } };
  if (origin === "array") return { code: "list-too-short", params: { min_items: least } };
  if (origin === "int") return { code: "integer-too-small", params: { minimum: least } };
  return inclusive === true
    ? { code: "number-too-small", params: { minimum: least } }
    : { code: "number-not-above", params: { limit: least } };
}

const FORMATS: Readonly<Record<string, PlainCode>> = {
  datetime: "datetime-malformed",
  date: "date-malformed",
  email: "email-malformed",
  uuid: "uuid-malformed",
  ipv4: "ipv4-malformed",
  ipv6: "ipv6-malformed",
  hostname: "hostname-malformed",
  base64: "base64-malformed",
};

function malformed({ format, pattern }: z.core.$ZodIssueInvalidStringFormat): GivenReason {
  if (format === "regex") return { code: "pattern-not-matched", params: { pattern: pattern ?? "" } };
  return FORMATS[format] ?? "value-invalid";
}
