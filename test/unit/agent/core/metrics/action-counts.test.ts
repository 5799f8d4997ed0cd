/** Which actions are counted, under which kind. */
import {
  ACTION_KINDS,
  ACTION_RESULTS,
  ActionCounts,
  countedKind,
} from "@remotegpu/agent/core/metrics/action-counts";
import { expect, test } from "vitest";

test("each kind has a count of each result from the beginning", () => {
  const { all } = new ActionCounts();

  expect(all).toHaveLength(ACTION_KINDS.length * ACTION_RESULTS.length);
  expect(all.every(({ count }) => count === 0)).toBe(true);
});

test.each([
  ["start", "start"],
  ["end-unwell", "stop"],
  ["refuse", "start"],
  ["note-serving", null],
  ["hold-stops", null],
  ["forget", null],
] as const)("the action %s is counted as %s", (action, kind) => {
  expect(countedKind(action)).toBe(kind);
});

test("an action raises the count of its kind and result alone", () => {
  const counts = new ActionCounts();

  counts.add("end-unwell", "failed");
  counts.add("stop", "failed");
  counts.add("note-holding", "ok");

  expect(counts.all.filter(({ count }) => count > 0)).toEqual([{ kind: "stop", result: "failed", count: 2 }]);
});
