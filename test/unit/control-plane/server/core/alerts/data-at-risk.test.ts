/** What is told of a debt, on which day, and that no order of hours tells a day twice or leaves one out. */
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import {
  AT_RISK_DAY,
  atRiskFromMs,
  type RiskDay,
  riskAlert,
  riskDaysDue,
  riskSentence,
} from "@remotegpu/control-plane/server/core/alerts/data-at-risk";
import { parsePoints } from "@remotegpu/shared/values/money";
import { MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import { expect, test } from "vitest";

const SINCE = Date.parse("2026-03-10T02:17:00Z");

test.each<[days: number, told: RiskDay | null, expected: RiskDay[]]>([
  [29.999, null, []],
  [30, null, [30]],
  [30, 30, []],
  [53, 30, [53]],
  [59, 53, [59]],
  [59.999, 59, []],
  [60, 59, [60]],
  [61, null, [30, 53, 59, 60]],
  [61, 53, [59, 60]],
  [1_000, 60, []],
])("a debt of %d days of which day %s was reported: %j", (days, notifiedDay, expected) => {
  const nowMs = SINCE + days * MS_PER_DAY;

  expect(riskDaysDue({ overdueSinceMs: SINCE, reportedDay: notifiedDay }, nowMs)).toEqual(expected);
});

test("whichever hours are missed, each day is reported once, in order, and none before its time", () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 20 * 24 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(gaps, (hours) => {
      const reported: { day: RiskDay; atMs: number }[] = [];
      let nowMs = SINCE;
      for (const gap of hours) {
        nowMs += gap * MS_PER_HOUR;
        const debt = { overdueSinceMs: SINCE, reportedDay: reported.at(-1)?.day ?? null };
        reported.push(...riskDaysDue(debt, nowMs).map((day) => ({ day, atMs: nowMs })));
      }

      const reached = ([30, 53, 59, 60] as const).filter((day) => SINCE + day * MS_PER_DAY <= nowMs);
      expect(reported.map(({ day }) => day)).toEqual(reached);
      expect(reported.filter(({ day, atMs }) => atMs < SINCE + day * MS_PER_DAY)).toEqual([]);
    }),
  );
});

test("the sentence states how long there is, and the moment is the sixtieth day's", () => {
  expect(inEnglish(riskSentence(53))).toContain("In 7 days its data may be deleted");
  expect(inEnglish(riskSentence(59))).toContain("In 1 day its");
  expect(inEnglish(riskSentence(AT_RISK_DAY))).toContain("may be deleted from now on");
  expect(atRiskFromMs(SINCE)).toBe(SINCE + 60 * MS_PER_DAY);
});

test("the alert of a day has the day as its threshold and states the same", () => {
  expect(riskAlert(53)).toEqual({
    kind: "data-at-risk",
    threshold: parsePoints("53"),
    month: null,
    state: "fired",
    value: "53",
    sentence: riskSentence(53),
  });
});
