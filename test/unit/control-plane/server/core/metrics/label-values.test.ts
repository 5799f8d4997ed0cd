import {
  CHARGED_LINES,
  chargedLineOf,
  CREDIT_CAUSES,
  knownOr,
  PLACEMENT_RESULTS,
  placementResultOf,
  REJECTION_REASONS,
  statusClassOf,
  WAITING_REASONS,
  waitingReasonOf,
} from "@remotegpu/control-plane/server/core/metrics/label-values";
import { WAITING_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/waiting";
import { expect, test } from "vitest";

test("labels have at most as many values as their families are bounded by", () => {
  expect(WAITING_REASONS.length).toBeLessThanOrEqual(12);
  expect(PLACEMENT_RESULTS.length).toBeLessThanOrEqual(6);
  expect(REJECTION_REASONS.length).toBeLessThanOrEqual(8);
  expect(CHARGED_LINES.length).toBeLessThanOrEqual(6);
  expect(CREDIT_CAUSES.length).toBeLessThanOrEqual(8);
});

test.each([
  [null, "room"],
  ["waiting-for-place", "room"],
  ["waiting-behind-first", "turn"],
  ["waiting-for-funds", "funds"],
  ["hosts-not-reaching-each-other", "network"],
  ["a-code-of-a-later-version", "other"],
])("an order that waits with the code %s waits for %s", (code, reason) => {
  expect(waitingReasonOf(code)).toBe(reason);
});

test("every code that says what an order waits for has a reason of its own", () => {
  const codes = Object.keys(WAITING_CODES).filter((code) => code.startsWith("waiting-"));

  expect(codes.filter((code) => waitingReasonOf(code) === "other")).toEqual([]);
});

test.each([
  ["committed", "placed"],
  ["taken", "taken"],
  ["still-held", "held"],
  ["image-first", "image"],
  ["quota", "refused"],
  ["mount-not-ready", "refused"],
  ["not-queued", "gone"],
] as const)("a placement that came to %s is counted as %s", (outcome, result) => {
  expect(placementResultOf(outcome)).toBe(result);
});

test("lines of bills are counted by what they count", () => {
  expect(["spec", "cpu", "gpu", "gpu_memory", "temp_storage", "storage", "new"].map(chargedLineOf)).toEqual([
    "spec",
    "cpu",
    "gpu",
    "gpu",
    "storage",
    "storage",
    "other",
  ]);
});

test("a value that is not known is counted among the others", () => {
  expect(knownOr(CREDIT_CAUSES, "topup")).toBe("topup");
  expect(knownOr(CREDIT_CAUSES, "gift")).toBe("other");
});

test.each([
  [101, "1xx"],
  [200, "2xx"],
  [404, "4xx"],
  [503, "5xx"],
  [999, "5xx"],
])("the status %i is of the class %s", (status, statusClass) => {
  expect(statusClassOf(status)).toBe(statusClass);
});
