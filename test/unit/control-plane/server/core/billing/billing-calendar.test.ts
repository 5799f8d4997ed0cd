/** Days and months of the billing zone and the invoice a record goes on. */
import {
  dayEndedWithin,
  dayOf,
  invoiceMonth,
  lastClosedMonth,
  monthAfter,
  monthBegin,
  monthEnd,
  monthOf,
  monthStart,
  parseUtcOffset,
} from "@remotegpu/control-plane/server/core/billing/billing-calendar";
import { describe, expect, test } from "vitest";

const CHINA = { utcOffsetMinutes: 480, closeDelayHours: 24 };

test.each([
  { text: "+08:00", expected: 480 },
  { text: "-05:30", expected: -330 },
  { text: "+00:00", expected: 0 },
  { text: "+14:00", expected: 840 },
])("the offset $text is $expected minutes", ({ text, expected }) => {
  expect(parseUtcOffset(text)).toBe(expected);
});

test.each(["8", "+8:00", "+14:01", "+08:60", "Asia/Shanghai", ""])("%j is no offset", (text) => {
  expect(() => parseUtcOffset(text)).toThrow(RangeError);
});

describe("days", () => {
  test.each([
    { at: "2026-02-28T15:59:59.999Z", day: "2026-02-28", from: "2026-02-27T16:00:00.000Z" },
    { at: "2026-02-28T16:00:00.000Z", day: "2026-03-01", from: "2026-02-28T16:00:00.000Z" },
  ])("$at is in $day at +08:00", ({ at, day, from }) => {
    const found = dayOf(Date.parse(at), CHINA);

    expect(found).toMatchObject({ day, month: day.slice(0, 7), fromMs: Date.parse(from) });
    expect(found.toMs - found.fromMs).toBe(24 * 3_600_000);
  });

  test.each([
    { hour: "2026-05-31T15:00:00Z", offset: 480, day: null },
    { hour: "2026-05-31T16:00:00Z", offset: 480, day: "2026-05-31" },
    { hour: "2026-05-31T17:00:00Z", offset: 480, day: null },
    { hour: "2026-06-01T00:00:00Z", offset: 0, day: "2026-05-31" },
    { hour: "2026-06-01T05:00:00Z", offset: -300, day: "2026-05-31" },
    // Midnight at half past six.
    { hour: "2026-05-31T18:00:00Z", offset: 330, day: null },
    { hour: "2026-05-31T18:29:59.999Z", offset: 330, day: null },
    { hour: "2026-05-31T18:30:00Z", offset: 330, day: "2026-05-31" },
    { hour: "2026-05-31T19:29:59.999Z", offset: 330, day: "2026-05-31" },
    { hour: "2026-05-31T19:30:00Z", offset: 330, day: null },
    { hour: "2026-06-01T03:30:00Z", offset: -210, day: "2026-05-31" },
  ])("in the hour until $hour the day $day has ended, $offset minutes east", ({ hour, offset, day }) => {
    const calendar = { ...CHINA, utcOffsetMinutes: offset };
    const untilMs = Date.parse(hour);

    expect(dayEndedWithin({ afterMs: untilMs - 3_600_000, untilMs }, calendar)?.day ?? null).toBe(day);
  });
});

describe("months", () => {
  test.each([
    { at: "2026-01-31T15:59:59.999Z", month: "2026-01" },
    { at: "2026-01-31T16:00:00.000Z", month: "2026-02" },
    { at: "2025-12-31T16:00:00.000Z", month: "2026-01" },
  ])("$at is in $month at +08:00", ({ at, month }) => {
    expect(monthOf(Date.parse(at), CHINA)).toBe(month);
  });

  test("a month ends at the midnight of the zone, December and leap February too", () => {
    expect(monthEnd("2028-02", CHINA)).toBe(Date.parse("2028-02-29T16:00:00Z"));
    expect(monthEnd("2026-12", CHINA)).toBe(Date.parse("2026-12-31T16:00:00Z"));
    expect(monthAfter("2026-12", CHINA)).toBe("2027-01");
  });

  test.each([480, -300, 330])(
    "a month begins where the one before ends, at offset %i",
    (utcOffsetMinutes) => {
      const calendar = { utcOffsetMinutes, closeDelayHours: 24 };

      expect(monthStart("2027-01", calendar)).toBe(monthEnd("2026-12", calendar));
      expect(monthOf(monthStart("2027-01", calendar), calendar)).toBe("2027-01");
      expect(monthOf(monthStart("2027-01", calendar) - 1, calendar)).toBe("2026-12");
    },
  );
});

test("a month begins where the one before it ends", () => {
  expect(monthBegin("2026-03", CHINA)).toBe(monthEnd("2026-02", CHINA));
  expect(monthBegin("2027-01", { ...CHINA, utcOffsetMinutes: -330 })).toBe(
    Date.parse("2027-01-01T05:30:00Z"),
  );
});

describe("invoice month", () => {
  test.each([
    { posted: "2026-03-15T00:00:00Z", expected: "2026-03", why: "the month still runs" },
    { posted: "2026-04-01T15:59:59Z", expected: "2026-03", why: "one second before it closes" },
    { posted: "2026-04-01T16:00:00Z", expected: "2026-04", why: "it has just closed" },
    { posted: "2026-06-30T16:00:00Z", expected: "2026-07", why: "posted months later" },
  ])("use of March posted at $posted goes on $expected: $why", ({ posted, expected }) => {
    expect(invoiceMonth("2026-03", Date.parse(posted), CHINA)).toBe(expected);
  });
});

describe("the last closed month", () => {
  test.each([
    { offset: 480, at: "2026-04-01T15:59:59.999Z", expected: "2026-02" },
    { offset: 480, at: "2026-04-01T16:00:00Z", expected: "2026-03" },
    { offset: -300, at: "2026-04-02T04:59:59.999Z", expected: "2026-02" },
    { offset: -300, at: "2026-04-02T05:00:00Z", expected: "2026-03" },
    { offset: 330, at: "2026-04-01T18:29:59.999Z", expected: "2026-02" },
    { offset: 330, at: "2026-04-01T18:30:00Z", expected: "2026-03" },
    { offset: 480, at: "2027-01-01T16:00:00Z", expected: "2026-12" },
  ])("at $at with offset $offset is $expected", ({ offset, at, expected }) => {
    const calendar = { utcOffsetMinutes: offset, closeDelayHours: 24 };

    expect(lastClosedMonth(Date.parse(at), calendar)).toBe(expected);
    // What is posted from then on goes elsewhere, and until then it does not.
    expect(invoiceMonth(expected, Date.parse(at), calendar)).not.toBe(expected);
    expect(invoiceMonth(monthAfter(expected, calendar), Date.parse(at), calendar)).toBe(
      monthAfter(expected, calendar),
    );
  });
});
