/** Which versions' folders may go. */
import { expect, test } from "vitest";
import { REMOVED_AFTER_MS, removableVersions } from "../../../../../agent/src/core/upgrade/old-versions.ts";

const NOW_MS = Date.parse("2030-01-02T00:00:00Z");
const ended = (attempt: number, from: string, to: string, agoMs: number) =>
  ({
    attempt,
    from,
    to,
    result: "committed",
    reason: null,
    at: new Date(NOW_MS - agoMs).toISOString(),
  }) as const;
const removable = (results: ReturnType<typeof ended>[], used: string[] = []) =>
  removableVersions({ present: ["one", "two", "by-hand"], used: new Set(used), results, nowMs: NOW_MS });

test("a version goes a day after it was left, not before", () => {
  expect(removable([ended(1, "one", "two", REMOVED_AFTER_MS)], ["two"])).toEqual(["one"]);
  expect(removable([ended(1, "one", "two", REMOVED_AFTER_MS - 1)], ["two"])).toEqual([]);
});

test("what is linked, under way or run from stays, whatever the results say", () => {
  expect(removable([ended(1, "one", "two", 9 * REMOVED_AFTER_MS)], ["one", "two"])).toEqual([]);
});

test("the last upgrade counts that has to do with it: one that came back is as new as that", () => {
  const results = [
    ended(1, "one", "two", 9 * REMOVED_AFTER_MS),
    ended(2, "two", "one", REMOVED_AFTER_MS / 2),
  ];

  expect(removable(results, [])).toEqual([]);
});
