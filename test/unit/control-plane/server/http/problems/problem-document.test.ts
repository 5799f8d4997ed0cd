/** Problem documents: their types are on the page of all types, and their reasons are data with the text beside it. */
import { readFileSync } from "node:fs";
import { problemDocument, problemType } from "@remotegpu/control-plane/server/http/problems/problem-document";
import {
  PROBLEM_STATUS,
  PROBLEM_TITLES,
} from "@remotegpu/control-plane/server/http/problems/problem-statuses";
import {
  ApiRefusal,
  badField,
  badFields,
  fieldError,
  notFound,
  type RefusalKind,
} from "@remotegpu/control-plane/server/http/request/refusal";
import { describe, expect, test } from "vitest";

const PAGE = readFileSync(
  new URL("../../../../../../control-plane/docs/api/problems.md", import.meta.url),
  "utf8",
);
const KINDS = Object.entries(PROBLEM_STATUS) as [RefusalKind, number][];

describe("the page of problem types", () => {
  test.each(KINDS)("has the type %s with its status and title", (kind, status) => {
    const title = PROBLEM_TITLES[status] ?? "no title";

    expect(problemType(kind)).toBe(`/docs/api/problems#${kind}`);
    expect(PAGE).toContain(`\n### ${kind}\n\n${status} ${title}: `);
  });

  test("has no other type", () => {
    const onPage = [...PAGE.matchAll(/^### (.+)$/gm)].map(([, kind]) => kind);

    expect(new Set(onPage)).toEqual(new Set(KINDS.map(([kind]) => kind)));
  });
});

describe("a problem document", () => {
  test("has its reason as a code with parameters, and as an English sentence", () => {
    const refusal = new ApiRefusal("conflict", { code: "webhooks-too-many", params: { max_webhooks: 20 } });

    expect(problemDocument(refusal, 409)).toEqual({
      type: "/docs/api/problems#conflict",
      title: "Conflict",
      status: 409,
      detail: "There are 20 webhooks already.",
      reason_code: "webhooks-too-many",
      reason_params: { max_webhooks: 20 },
    });
  });

  test("names a thing that is not found as a reason within its reason", () => {
    const thing = { code: "named-webhook", params: { webhook_id: 7 } } as const;

    expect(problemDocument(notFound(thing), 404)).toMatchObject({
      detail: "There is no webhook 7 that you can see.",
      reason_code: "not-found",
      reason_params: { thing },
    });
  });

  test("has a reason for each field that is wrong, and that of the first as its own", () => {
    const refusal = badFields([fieldError("name", "field-missing"), fieldError("expires_at", "expiry-past")]);

    expect(problemDocument(refusal, 422)).toMatchObject({
      detail: "name: is missing; expires_at: must lie ahead",
      reason_code: "field-missing",
      errors: [
        { path: "name", message: "is missing", reason_code: "field-missing", reason_params: {} },
        { path: "expires_at", message: "must lie ahead", reason_code: "expiry-past", reason_params: {} },
      ],
    });
    expect(badField("name", "field-missing").message).toBe("name: is missing");
  });

  test("keeps the word for why a session opens nothing beside the code", () => {
    const refusal = new ApiRefusal("unauthenticated", "session-unknown", { entryRefusal: "session-unknown" });

    expect(problemDocument(refusal, 401)).toMatchObject({
      reason: "session-unknown",
      reason_code: "session-unknown",
    });
  });
});
