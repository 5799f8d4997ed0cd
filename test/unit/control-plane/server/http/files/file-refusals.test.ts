/** What a host refuses of a file, as a refusal of the API. */
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { refusalOf } from "@remotegpu/control-plane/server/http/files/pool-files";
import { expect, test } from "vitest";

const detail = "What came is not what its checksum says; bring that part again.";
const why = { code: "upload-part-differs", params: {} } as const;

test("a host's refusal has the code that the host sent, and its text", () => {
  const refusal = refusalOf({
    reason: "busy",
    detail: "Too many files are open on that host.",
    why: { code: "host-open-files-too-many", params: {} },
  });

  expect([refusal.kind, refusal.message, refusal.reason]).toEqual([
    "too-many-requests",
    "Too many files are open on that host.",
    { code: "host-open-files-too-many", params: {} },
  ]);
  expect(refusal.errors).toEqual([]);
});

test("a refusal of what the client sent names the path with the same code", () => {
  const refusal = refusalOf({ reason: "wrong-bytes", detail, why });

  expect([refusal.kind, refusal.reason]).toEqual(["bad-input", why]);
  expect(refusal.errors).toEqual([{ path: "path", message: detail, reason: why }]);
});

test.each([
  ["of an agent that sends no code", undefined],
  ["whose code says something else", { code: "pool-disk-full", params: {} } as const],
])("a refusal %s is as reported, in its fields as well", (_what, given) => {
  const refusal = refusalOf({ reason: "wrong-bytes", detail, why: given });

  expect([refusal.message, refusal.reason]).toEqual([detail, asReported(detail)]);
  expect(refusal.errors).toEqual([{ path: "path", message: detail, reason: asReported(detail) }]);
});
