import { expect, test } from "vitest";
import { isToBeRequested } from "@remotegpu/agent/core/upgrade/named-release";

const RELEASE = { version: "0.2.0-1a2b3c4d5e6f", manifestSha256: "c".repeat(64) };
const report = { version: "0.1.0", committed: "0.1.0", phase: null, to: null, last: null };

test("a named release is requested unless it runs, is refused, or an upgrade is under way", () => {
  expect(isToBeRequested(RELEASE, { report, refused: [] })).toBe(true);
  expect(isToBeRequested(RELEASE, { report: { ...report, version: RELEASE.version }, refused: [] })).toBe(
    false,
  );
  expect(isToBeRequested(RELEASE, { report: { ...report, phase: "checking" }, refused: [] })).toBe(false);
  expect(isToBeRequested(RELEASE, { report, refused: [{ ...RELEASE, version: "0.2.0-0" }] })).toBe(false);
});
