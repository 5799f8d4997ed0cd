import { describe, expect, test } from "vitest";
import {
  ANSWERS_FOR_MS,
  PROBE_AGAIN_MS,
  afterProbe,
  type RouteProbes,
  NO_PROBES,
  type Route,
  routeTo,
} from "@remotegpu/control-plane/server/core/gateway/route";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const NOW = 1_000_000;
const SILENT = asReported("It is silent.");
const answered: RouteProbes = { answersSinceMs: NOW - 1, losses: 0, reason: null, dueMs: NOW };
const proven: RouteProbes = { ...answered, answersSinceMs: NOW - ANSWERS_FOR_MS };
const almostProven: RouteProbes = { ...answered, answersSinceMs: NOW - ANSWERS_FOR_MS + 1 };
const lost = (losses: number): RouteProbes => ({
  answersSinceMs: null,
  losses,
  reason: SILENT,
  dueMs: NOW,
});

describe("the route to a host", () => {
  test.each<[string, Route | null, RouteProbes, boolean, Route | null]>([
    ["nobody has checked yet", null, NO_PROBES, false, null],
    ["nobody has checked, and it has dialled in", null, NO_PROBES, true, "reversed"],
    ["it answers", null, answered, false, "direct"],
    ["it answers again", "none", answered, false, "direct"],
    ["it answers, and had dialled in before anybody knew", null, answered, true, "direct"],
    ["it was silent once", "direct", lost(1), false, "direct"],
    ["it was silent twice", "direct", lost(2), false, "none"],
    ["it was silent twice, and has dialled in", "direct", lost(2), true, "reversed"],
    ["it never answered", null, lost(1), false, "none"],
    ["it never answered, and dials in", "none", lost(1), true, "reversed"],
    ["its tunnel is lost", "reversed", lost(9), false, "none"],
    ["it has dialled in, and answers just now", "reversed", answered, true, "reversed"],
    ["it has dialled in, and almost answers for long enough", "reversed", almostProven, true, "reversed"],
    ["it has dialled in, and answers for long enough", "reversed", proven, true, "direct"],
    ["its tunnel is lost, and it answers", "reversed", answered, false, "direct"],
  ])("where %s", (_where, now, checks, hasDialled, route) => {
    expect(routeTo(now, checks, { hasDialled, nowMs: NOW })?.route ?? null).toBe(route);
  });

  test("gives the reason why it is not direct", () => {
    const at = { nowMs: NOW };

    expect([
      routeTo("none", lost(3), { ...at, hasDialled: false })?.detail,
      routeTo("none", lost(3), { ...at, hasDialled: true })?.detail,
      routeTo("direct", proven, { ...at, hasDialled: true })?.detail,
    ]).toEqual([SILENT, SILENT, null]);
  });
});

describe("probes", () => {
  const check = (before: RouteProbes, answers: boolean, chance = 0) =>
    afterProbe(before, answers ? { answers } : { answers, reason: SILENT }, { nowMs: NOW, chance });

  test.each([
    [0, 1_000],
    [1, 2_000],
    [2, 4_000],
    [7, 128_000],
    [8, 150_000],
    [100_000, 150_000],
  ])("after %i losses and one more wait for %i ms", (losses, ms) => {
    expect(check(lost(losses), false)).toEqual({
      answersSinceMs: null,
      losses: losses + 1,
      reason: SILENT,
      dueMs: NOW + ms,
    });
  });

  test("at one that answers are rare, and spread by chance", () => {
    expect(check(lost(5), true)).toEqual({
      answersSinceMs: NOW,
      losses: 0,
      reason: null,
      dueMs: NOW + PROBE_AGAIN_MS / 2,
    });
    expect(check(NO_PROBES, true, 0.5).dueMs).toBe(NOW + (PROBE_AGAIN_MS * 3) / 4);
  });

  test("remember since when it answers, until it is silent", () => {
    expect(check(proven, true).answersSinceMs).toBe(proven.answersSinceMs);
    expect(check(proven, false).answersSinceMs).toBeNull();
  });
});
