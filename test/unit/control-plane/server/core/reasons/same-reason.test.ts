import { sameReason } from "@remotegpu/control-plane/server/core/reasons/same-reason";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { expect, test } from "vitest";

const silent = (minutes: number): Reason => ({
  code: "replica-host-silent",
  params: { rank: 1, host_name: "gpu-07", minutes },
});

test("reasons of one code are the same where all their parameters are, in whatever order they were read", () => {
  const read = {
    code: "replica-host-silent",
    params: { minutes: 3, host_name: "gpu-07", rank: 1 },
  } as Reason;

  expect(sameReason(silent(3), read)).toBe(true);
  expect(sameReason(silent(3), silent(4))).toBe(false);
});

test("no reason is the same as none, and as no other", () => {
  expect(sameReason(null, null)).toBe(true);
  expect(sameReason(null, asReported(""))).toBe(false);
});

test("a text is another reason than the code that says it", () => {
  expect(
    sameReason(asReported("The service was stopped."), { code: "service-was-stopped", params: {} }),
  ).toBe(false);
});
