/** When stops of most of a host wait for somebody to confirm them. */
import { expect, test } from "vitest";
import { areStopsUnconfirmed } from "@remotegpu/agent/core/reconcile/stop-guard";

test.each([
  ["nothing is guarded", { stopsAreGuarded: false, confirmedStops: null, generation: 5 }, false],
  ["nobody has confirmed any", { stopsAreGuarded: true, confirmedStops: null, generation: 5 }, true],
  ["an earlier set was confirmed", { stopsAreGuarded: true, confirmedStops: 4, generation: 5 }, true],
  ["this one was", { stopsAreGuarded: true, confirmedStops: 5, generation: 5 }, false],
] as const)("where %s", (_what, set, isUnconfirmed) => {
  expect(areStopsUnconfirmed(set, { hasLeftFleet: false })).toBe(isUnconfirmed);
  expect(areStopsUnconfirmed(set, { hasLeftFleet: true })).toBe(false);
});
