/** For how long a registry is not asked again after it failed. */
import { expect, test } from "vitest";
import {
  isPaused,
  LONGEST_PAUSE_MS,
  MAX_PAUSES,
  pausesAfter,
  type RegistryPauses,
} from "@remotegpu/agent/core/images/registry-pause";

const failing = (times: number) => {
  let pauses: RegistryPauses = new Map();
  for (let at = 0; at < times; at += 1) pauses = pausesAfter(pauses, "r", { hasFailed: true, nowMs: 0 });
  return pauses;
};

test.each([
  [0, 0],
  [1, 30_000],
  [2, 60_000],
  [3, 120_000],
  [5, 480_000],
  [6, LONGEST_PAUSE_MS],
  [2_000, LONGEST_PAUSE_MS],
])("after %i failures in a row it rests for %i ms", (times, pauseMs) => {
  const pauses = failing(times);

  expect(isPaused(pauses, "r", pauseMs - 1)).toBe(pauseMs > 0);
  expect(isPaused(pauses, "r", pauseMs)).toBe(false);
});

test("a good answer ends the row", () => {
  const answered = pausesAfter(failing(5), "r", { hasFailed: false, nowMs: 0 });

  expect(isPaused(answered, "r", 0)).toBe(false);
  expect(pausesAfter(answered, "r", { hasFailed: true, nowMs: 0 }).get("r")).toEqual({
    failures: 1,
    untilMs: 30_000,
  });
});

test("one registry's pause is no other's", () => {
  expect(isPaused(failing(3), "other", 0)).toBe(false);
});

test("of more registries than can be kept the one that would be asked soonest is forgotten", () => {
  let pauses: RegistryPauses = new Map();
  for (let at = 0; at <= MAX_PAUSES; at += 1)
    pauses = pausesAfter(pauses, `r-${at}`, { hasFailed: true, nowMs: at });

  expect(pauses.size).toBe(MAX_PAUSES);
  expect(isPaused(pauses, "r-0", 0)).toBe(false);
  expect(isPaused(pauses, "r-1", 0)).toBe(true);
});
