/** For how long a registry is not asked again after it failed, and by whom. */
import { expect, test } from "vitest";
import {
  isPaused,
  LONGEST_PAUSE_MS,
  MAX_PAUSES,
  pausesAfter,
  type RegistryPauses,
} from "@remotegpu/agent/core/images/registry-pause";

const met = (owner: string, registry = "r") => ({ registry, owner });
const failing = (times: number, owner = "ann", pauses: RegistryPauses = []) => {
  let after = pauses;
  for (let at = 0; at < times; at += 1) after = pausesAfter(after, met(owner), { hasFailed: true, nowMs: 0 });
  return after;
};

test.each([
  [0, 0],
  [1, 30_000],
  [2, 60_000],
  [3, 120_000],
  [5, 480_000],
  [6, LONGEST_PAUSE_MS],
  [2_000, LONGEST_PAUSE_MS],
])("after %i failures in a row it rests for %i ms", (times, backoffMs) => {
  const pauses = failing(times);

  expect(isPaused(pauses, met("ann"), backoffMs - 1)).toBe(backoffMs > 0);
  expect(isPaused(pauses, met("ann"), backoffMs)).toBe(false);
});

test("a good answer ends the row", () => {
  const answered = pausesAfter(failing(5), met("ann"), { hasFailed: false, nowMs: 0 });

  expect(isPaused(answered, met("ann"), 0)).toBe(false);
  expect(pausesAfter(answered, met("ann"), { hasFailed: true, nowMs: 0 })).toEqual([
    { registry: "r", owner: "ann", failures: 1, untilMs: 30_000 },
  ]);
});

test("one registry's pause is no other's", () => {
  expect(isPaused(failing(3), met("ann", "other"), 0)).toBe(false);
});

test("what one owner met is his pause alone, what two met is everybody's", () => {
  const one = failing(5);
  const two = failing(1, "ben", one);

  expect(isPaused(one, met("cleo"), 0)).toBe(false);
  expect(isPaused(two, met("cleo"), 29_999)).toBe(true);
  expect(isPaused(two, met("cleo"), 30_000)).toBe(false);
  expect(isPaused(two, met("ann"), 30_000)).toBe(true);
});

test("of more registries than can be stored the one that would be requested soonest is forgotten", () => {
  let pauses: RegistryPauses = [];
  for (let at = 0; at <= MAX_PAUSES; at += 1)
    pauses = pausesAfter(pauses, met("ann", `r-${at}`), { hasFailed: true, nowMs: at });

  expect(pauses).toHaveLength(MAX_PAUSES);
  expect(isPaused(pauses, met("ann", "r-0"), 0)).toBe(false);
  expect(isPaused(pauses, met("ann", "r-1"), 0)).toBe(true);
});
