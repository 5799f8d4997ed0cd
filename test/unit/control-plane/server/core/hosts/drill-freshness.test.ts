/** Whether a host's certificate of a drill is still good, and when its end is announced. */
import { expect, test } from "vitest";
import {
  drillDays,
  drillObstacle,
  endsSoon,
  type DrilledHost,
  type HeldDrill,
} from "@remotegpu/control-plane/server/core/hosts/drill-freshness";
import { DRILL_FAULTS, type DrillDocument, isDrillPassed } from "@remotegpu/shared/messages/drill-report";

const DAY_MS = 86_400_000;
const NOW = 1_000 * DAY_MS;

const document = (change: Partial<DrillDocument> = {}): DrillDocument => ({
  hostId: "host-a",
  version: "0.2.0",
  driver: "580.1",
  gpus: ["GPU-1", "GPU-2"],
  canary: "env-1",
  startedAt: "2026-01-01T00:00:00Z",
  endedAt: "2026-01-01T00:10:00Z",
  faults: DRILL_FAULTS.map((fault) => ({ fault, kind: "real", result: "passed", seconds: 1, reason: null })),
  ...change,
});
const held = (days: number, change: Partial<DrillDocument> = {}): HeldDrill => ({
  document: document(change),
  endedAtMs: NOW - days * DAY_MS,
});
const HOST: DrilledHost = { version: "0.2.0", driver: "580.1", gpus: ["GPU-1", "GPU-2"] };
const obstacle = (drill: HeldDrill | null, host: Partial<DrilledHost> = {}) =>
  drillObstacle(drill, { host: { ...HOST, ...host }, maxDays: 30, nowMs: NOW });

test("the policy is a number of days, or none", () => {
  expect([drillDays("none"), drillDays("30")]).toEqual([null, 30]);
});

test("a certificate is good for just the days of the policy", () => {
  expect(obstacle(held(30))).toBeNull();
  expect(obstacle({ ...held(30), endedAtMs: NOW - 30 * DAY_MS - 1 })).toEqual({
    code: "host-drill-old",
    params: { days: 30 },
  });
});

test("a host without one is named as such", () => {
  expect(obstacle(null)).toEqual({ code: "host-undrilled", params: {} });
});

test("one that failed names its faults", () => {
  const faults = document().faults.map((one) =>
    one.fault === "disk-full" ? { ...one, result: "failed" as const } : one,
  );

  expect(obstacle(held(1, { faults }))).toEqual({
    code: "host-drill-failed",
    params: { faults: { names: ["disk-full"], more: 0 } },
  });
  expect(isDrillPassed(document({ faults }))).toBe(false);
});

test("one that lacks a fault which the host can have counts as none; without GPUs none of them can be lost", () => {
  const faults = document().faults.filter(({ fault }) => fault !== "lost-card");

  expect(obstacle(held(1, { faults }))?.code).toBe("host-undrilled");
  expect(obstacle(held(1, { faults, gpus: [] }), { gpus: [] })).toBeNull();
});

test.each<[string, Partial<DrilledHost>, string | null]>([
  ["another driver", { driver: "590.1" }, "host-drill-other-driver"],
  ["no driver any more", { driver: null }, "host-drill-other-driver"],
  ["another release", { version: "0.9.0" }, "host-drill-other-release"],
  ["a card that came", { gpus: ["GPU-1", "GPU-2", "GPU-3"] }, "host-drill-other-cards"],
  ["a card that went", { gpus: ["GPU-1"] }, null],
  ["a host that was never heard", { version: null }, null],
])("%s", (_what, host, code) => {
  expect(obstacle(held(1), host)?.code ?? null).toBe(code);
});

test.each([
  [30, 22, false],
  [30, 24, true],
  // Half of a short time is more warning than a week.
  [4, 1, false],
  [4, 3, true],
])("of %i days, after %i days its end is near: %s", (maxDays, days, isNear) => {
  expect(endsSoon(held(days), { maxDays, nowMs: NOW })).toBe(isNear);
});
