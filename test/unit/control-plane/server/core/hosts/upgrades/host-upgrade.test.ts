import { expect, test } from "vitest";
import {
  attemptKey,
  outcomeOf,
  runsRelease,
} from "@remotegpu/control-plane/server/core/hosts/upgrades/host-upgrade";

const NEW = "0.2.0-1a2b3c4d5e6f";
const LAST = { attempt: 1, from: null, to: NEW, result: "reverted", at: "2026-01-01T00:00:00.000Z" } as const;
const report = { version: "0.1.0", committed: null, phase: null, to: null, last: LAST };

test("a release on probation does not run for good", () => {
  expect(runsRelease({ ...report, version: NEW, committed: NEW }, NEW)).toBe(true);
  expect(runsRelease({ ...report, version: NEW, committed: "0.1.0" }, NEW)).toBe(false);
});

test("only an attempt after the order is its outcome", () => {
  expect(outcomeOf(report, { version: NEW, attemptBefore: null })?.state).toBe("reverted");
  expect(outcomeOf(report, { version: NEW, attemptBefore: attemptKey(LAST) })).toBeNull();
});
