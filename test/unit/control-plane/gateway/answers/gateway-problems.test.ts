/** The gateway's problem documents: their types are on a page, and their reasons are codes with the text beside them. */
import { readFileSync } from "node:fs";
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { type Answer, answer } from "@remotegpu/control-plane/gateway/answers/answers";
import { GATEWAY_PROBLEMS, gatewayProblemType } from "@remotegpu/control-plane/gateway/answers/problem-types";
import { nothingHere, refusal, tooMany } from "@remotegpu/control-plane/gateway/answers/refusals";
import { describe, expect, test } from "vitest";

const PAGE = readFileSync(
  new URL("../../../../../control-plane/docs/api/gateway-problems.md", import.meta.url),
  "utf8",
);

/** What a program reads. */
function documentOf(answered: Answer): unknown {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  let body = "";
  response.end = (text?: unknown) => {
    body = String(text);
    return response;
  };
  answer(request, response, answered);
  return JSON.parse(body);
}

describe("the page of the gateway's problem types", () => {
  test("has each type as a heading, and no other", () => {
    const onPage = [...PAGE.matchAll(/^### (.+)$/gm)].map(([, problem]) => problem);

    expect(onPage).toEqual([...GATEWAY_PROBLEMS]);
    expect(gatewayProblemType("starting")).toBe("/docs/api/gateway-problems#starting");
  });
});

describe("a problem document of the gateway", () => {
  test("has a stable type, a code and the text of that", () => {
    expect(documentOf(nothingHere)).toEqual({
      type: "/docs/api/gateway-problems#not-found",
      title: "Nothing here",
      status: 404,
      detail: "There is nothing at this address.",
      reason_code: "nothing-at-address",
      reason_params: {},
    });
  });

  test("has the numbers of its text as parameters", () => {
    const limit = { code: "open-sockets-of-service-too-many", params: { max_sockets: 50 } } as const;

    expect(documentOf(tooMany(limit, 5))).toMatchObject({
      type: "/docs/api/gateway-problems#too-many-requests",
      detail: "50 WebSockets of this service are open, which is the most.",
      reason_code: "open-sockets-of-service-too-many",
      reason_params: { max_sockets: 50 },
    });
  });

  test.each([
    ["no-entry", "unauthenticated", 401],
    ["no-right", "forbidden", 403],
    ["not-found", "not-found", 404],
    ["starting", "starting", 503],
    ["stopped", "not-running", 409],
    ["not-there", "service-missing", 404],
  ] as const)("of a refusal of kind %s has the type %s", (kind, problem, status) => {
    expect(documentOf(refusal({ kind, reason: "entry-over" }))).toMatchObject({
      type: gatewayProblemType(problem),
      status,
      detail: "This is over.",
      reason_code: "entry-over",
    });
  });

  test("is none where the gateway says that it runs", () => {
    const running: Answer = { problem: null, status: 200, title: "It runs", reason: "gateway-running" };

    expect(documentOf(running)).toMatchObject({ type: "about:blank", detail: "The gateway runs." });
  });
});
