/** Which answers pass, and how those that do not are told. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { expect, test } from "vitest";
import { type Answer, answerTo, type Reply } from "@remotegpu/agent/core/probes/probe-answer";

const HTTP = { path: "/health", port: 8000 };
const TCP = { path: null, port: 8000 };

/** What the answer says in English; of one that failed, what it got. */
const gotBy = (answer: Answer) => (answer.kind === "failed" ? textOf(answer.got) : answer.kind);

test.each([
  [100, false],
  [101, false],
  [199, false],
  [200, true],
  [204, true],
  [302, true],
  [399, true],
  [400, false],
  [404, false],
  [503, false],
  [0, false],
])("the status %i passes: %s", (status, isPassed) => {
  const answer = answerTo(HTTP, { kind: "status", status });

  expect(gotBy(answer)).toEqual(isPassed ? "passed" : `GET /health answered ${status}`);
});

test("without a path a connection is enough", () => {
  expect(answerTo(TCP, { kind: "connected" })).toEqual({ kind: "passed" });
});

test.each<[Reply["kind"] & ("refused" | "silent" | "hung-up" | "no-http" | "endless-head"), string]>([
  ["refused", "nobody listens on port 8000"],
  ["silent", "GET /health was not answered within 2 seconds"],
  ["hung-up", "GET /health was hung up on"],
  ["no-http", "GET /health was answered with what is no HTTP"],
  ["endless-head", "GET /health was answered with too many headers"],
])("what is %s fails", (kind, got) => {
  expect(gotBy(answerTo(HTTP, { kind }))).toBe(got);
});

test("a connection that nobody takes fails without a path, too", () => {
  expect(gotBy(answerTo(TCP, { kind: "silent" }))).toBe(
    "A connection to port 8000 was not answered within 2 seconds",
  );
});

test("what this host could not probe reports nothing, and what has ended did not fail to answer", () => {
  expect(answerTo(HTTP, { kind: "unasked" })).toEqual({ kind: "unknown" });
  expect(answerTo(HTTP, { kind: "gone" })).toEqual({ kind: "gone" });
});
