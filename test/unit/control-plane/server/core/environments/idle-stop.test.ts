/** When an environment counts as idle, when it is warned and when it stops. */
import { describe, expect, test } from "vitest";
import {
  afterSample,
  idleFigures,
  type IdleSample,
  idleStopAt,
  idleTime,
  idleVerdict,
  type IdleWatch,
} from "@remotegpu/control-plane/server/core/environments/idle-stop";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

const START = new Date("2026-01-01T00:00:00Z");
const RUN = "run-1";
const at = (minutes: number) => new Date(START.getTime() + minutes * 60_000);

/** At rest at that minute: 60 ms of a processor in each. */
const check = (minute: number, change: Partial<IdleSample> = {}): IdleSample => ({
  at: at(minute),
  runId: RUN,
  hostHeardAt: at(minute),
  isHostUnsure: false,
  openSessions: 0,
  lastAccessAt: null,
  cardCount: 1,
  cards: [{ percent: 0, reportedAt: at(minute) }],
  cpu: { ms: minute * 60, reportedAt: at(minute) },
  ...change,
});

/** What is known after looks once a minute, up to and with the last of these. */
function watched(minutes: number, change: Record<number, Partial<IdleSample>> = {}): IdleWatch {
  let watch = afterSample(null, check(0, change[0]));
  for (let minute = 1; minute <= minutes; minute += 1)
    watch = afterSample(watch, check(minute, change[minute]));
  return watch;
}

const idleMinutes = ({ idleSince, checkedAt }: IdleWatch) =>
  (checkedAt.getTime() - idleSince.getTime()) / 60_000;

test("idle time begins with the first check, and goes on while everything rests", () => {
  expect(idleMinutes(watched(0))).toBe(0);
  expect(idleMinutes(watched(40))).toBe(40);
});

describe("counts as use:", () => {
  const CARD = (percent: number | null, reportedAt: Date | null = at(20)) => ({
    cards: [{ percent, reportedAt }],
  });
  const CPU = (ms: number, reportedAt = at(20)) => ({ cpu: { ms, reportedAt } });

  test.each([
    ["a session", { openSessions: 1 }],
    ["a card at work", CARD(3)],
    ["a card that reports nothing", CARD(null)],
    ["a card that was never reported", CARD(0, null)],
    ["a card that was reported long ago", CARD(0, at(16.9))],
    ["fewer cards than it has", { cards: [] }],
    ["processors at work", CPU(19 * 60 + 3_001)],
    ["processors that report nothing", { cpu: null }],
    ["figures of long ago", CPU(19 * 60, at(15.9))],
    ["a container that was started again", CPU(0)],
    ["a host that is not heard", { hostHeardAt: at(18.4) }],
    ["a host that never was", { hostHeardAt: null }],
    ["a host whose state is not merged yet", { isHostUnsure: true }],
    ["another run", { runId: "run-2" }],
  ] as [string, Partial<IdleSample>][])("%s", (_what, change) => {
    expect(idleMinutes(watched(20, { 20: change }))).toBe(0);
    expect(watched(20, { 20: change }).warnedAt).toBeNull();
  });

  test("figures that come back after they were missing, since what was between is not known", () => {
    expect(idleMinutes(watched(21, { 20: { cpu: null } }))).toBe(0);
    expect(idleMinutes(watched(22, { 20: { cpu: null } }))).toBe(1);
  });

  test("a time in which nobody checked", () => {
    const before = watched(20);

    expect(idleMinutes(afterSample(before, check(23)))).toBe(23);
    expect(idleMinutes(afterSample(before, check(23.1)))).toBe(0);
    // As of a database that was put back: its last look is long ago, or its clock is ahead of this one.
    expect(idleMinutes(afterSample(before, check(600)))).toBe(0);
  });

  test("an access, up to the end of the step in which it is reported", () => {
    expect(idleMinutes(watched(20, { 20: { lastAccessAt: at(11) } }))).toBe(4);
    expect(idleMinutes(watched(20, { 20: { lastAccessAt: at(19) } }))).toBe(0);
    expect(idleMinutes(watched(20, { 20: { lastAccessAt: at(-60) } }))).toBe(20);
  });
});

describe("counts as rest:", () => {
  test.each([
    ["what a driver reports of a card without work", { cards: [{ percent: 2, reportedAt: at(20) }] }],
    ["an open editor", { cpu: { ms: 19 * 60 + 3_000, reportedAt: at(20) } }],
    ["a figure that is some minutes old", { cpu: { ms: 19 * 60, reportedAt: at(19) } }],
    ["a host that was heard a moment ago", { hostHeardAt: at(18.5) }],
    ["nobody's session", { openSessions: 0 }],
  ] as [string, Partial<IdleSample>][])("%s", (_what, change) => {
    expect(idleMinutes(watched(20, { 20: change }))).toBe(20);
  });

  test("an environment without cards", () => {
    const none = { cardCount: 0, cards: [] };

    expect(idleMinutes(watched(2, { 0: none, 1: none, 2: none }))).toBe(2);
  });
});

describe("the verdict", () => {
  const warned = (minutes: number, warnedAt: number | null): IdleWatch => ({
    ...watched(minutes),
    warnedAt: warnedAt === null ? null : at(warnedAt),
  });

  test.each([
    ["long before", 19, null, 30, "goes-on"],
    ["ten minutes before", 20, null, 30, "warn"],
    ["when it is warned", 21, 20, 30, "goes-on"],
    ["a minute before", 29, 20, 30, "goes-on"],
    ["at the end", 30, 20, 30, "stop"],
    ["past the end, where nobody was warned", 31, null, 30, "warn"],
    ["past the end, soon after a late warning", 40, 31, 30, "goes-on"],
    ["ten minutes after a late warning", 41, 31, 30, "stop"],
    ["of minutes that have just become fewer", 100, null, 15, "warn"],
    ["of minutes that have just become more", 30, 20, 60, "goes-on"],
  ] as const)("%s", (_when, minutes, warnedAt, limit, verdict) => {
    expect(idleVerdict(warned(minutes, warnedAt), limit)).toBe(verdict);
  });

  test("its moment is reported with the warning, and no sooner than ten minutes after that", () => {
    expect(idleStopAt(warned(20, null), 30)).toEqual(at(30));
    expect(idleStopAt(warned(100, null), 30)).toEqual(at(110));
  });

  test("its moment stays the same once it was warned", () => {
    expect(idleStopAt(warned(25, 20), 30)).toEqual(at(30));
    expect(idleStopAt(warned(105, 100), 30)).toEqual(at(110));
  });
});

describe("of the idle time is reported", () => {
  test.each([
    ["nothing after the first check", 0, {}, 0, null],
    ["since when and until when", 5, {}, 5, { since: at(0), stopsAt: at(30) }],
    ["nothing once it is used", 5, { 5: { openSessions: 1 } }, 5, null],
    ["the same until the next check is due", 5, {}, 8, { since: at(0), stopsAt: at(30) }],
    ["nothing where nobody has checked since", 5, {}, 8.1, null],
  ] as const)("%s", (_what, minutes, change, now, reported) => {
    expect(idleTime(watched(minutes, change), { minutes: 30, now: at(now) })).toEqual(reported);
  });
});

test("the figures of the whole idle time are reported: the most of each", () => {
  const busiest = {
    12: { cards: [{ percent: 1, reportedAt: at(12) }], cpu: { ms: 12 * 60 + 1_500, reportedAt: at(12) } },
    13: { cpu: { ms: 12 * 60 + 1_500, reportedAt: at(13) } },
  };
  const rest = Object.fromEntries(
    Array.from({ length: 7 }, (_, nth) => [
      14 + nth,
      { cpu: { ms: 12 * 60 + 1_500, reportedAt: at(14 + nth) } },
    ]),
  );

  expect(inEnglish(idleFigures(watched(20, { ...busiest, ...rest }), 1))).toBe(
    "Since 2026-01-01T00:00:00.000Z nobody was in it, its cards were used to 1 % at most, and its processors were used to 2.6 % of one core at most.",
  );
  expect(inEnglish(idleFigures(watched(20), 0))).toBe(
    "Since 2026-01-01T00:00:00.000Z nobody was in it, and its processors were used to 0.1 % of one core at most.",
  );
});
