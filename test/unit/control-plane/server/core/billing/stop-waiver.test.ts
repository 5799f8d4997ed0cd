/** From when on a stop makes time free, by who ordered it and why. */
import { type StopCause, stopWaiver } from "@remotegpu/control-plane/server/core/billing/stop-waiver";
import type { StopActor } from "@remotegpu/control-plane/server/core/instances/instance-report";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { expect, test } from "vitest";

const AT = Date.parse("2026-03-10T03:00:00Z");

test.each<[StopActor, StopCause, string, number, number]>([
  // Seconds that are charged after the order: with none chosen, and with 600.
  ["customer", "own", "stop-by-person", 60, 660],
  ["customer", "host", "stop-by-person", 60, 660],
  ["admin", "own", "stop-by-person", 60, 660],
  ["admin", "host", "stop-by-person", 60, 660],
  ["limit", "own", "stop-by-rule", 0, 600],
  ["limit", "host", "host-stop", 0, 0],
  ["control-plane", "own", "stop-by-rule", 0, 600],
  ["control-plane", "host", "host-stop", 0, 0],
  ["account", "own", "suspension", 0, 0],
  ["account", "host", "suspension", 0, 0],
])("a stop by %s for its %s sake: %s", (by, cause, rule, withNone, withTenMinutes) => {
  const secondsWith = (chosenGraceSeconds: number | null) => {
    const waiver = stopWaiver({ by, cause, orderedMs: AT, chosenGraceSeconds });
    expect(waiver.rule).toBe(rule);
    return (waiver.fromMs - AT) / MS_PER_SECOND;
  };

  expect(secondsWith(null)).toBe(withNone);
  expect(secondsWith(600)).toBe(withTenMinutes);
  expect(secondsWith(1) - secondsWith(null)).toBe(withTenMinutes > withNone ? 1 : 0);
});
