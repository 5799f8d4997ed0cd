/**
 * What a cut-off host is told, at examples; and, by a model of a payer's hours with hosts that lose contact at any
 * moment, the two promises: nobody with a day's money is stopped, and nobody else runs far beyond the money.
 */
import {
  isDueForSuspension,
  type OverdueStatus,
  statusAfterPosting,
} from "@remotegpu/control-plane/server/core/accounts/account-state";
import {
  CUT_OFF_RULES_EVERY_MS,
  cutOffRule,
  type CutOffRule,
  type Spending,
} from "@remotegpu/control-plane/server/core/billing/cut-off-rule";
import { parsePoints } from "@remotegpu/shared/values/money";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const NOON = Date.parse("2026-03-10T12:00:00Z");
const at = (minutes: number) => NOON + minutes * MS_PER_MINUTE;

function spending(funds: string, burn: string, other: Partial<Spending> = {}): Spending {
  return {
    status: "normal",
    overdueSinceMs: null,
    funds: parsePoints(funds),
    unheard: 0n,
    burnPerHour: parsePoints(burn),
    ...other,
  };
}

const KEEP: CutOffRule = { onDisconnect: "keep", stopAfterSeconds: null };
const stopAfter = (minutes: number): CutOffRule => ({
  onDisconnect: "stop_after",
  stopAfterSeconds: minutes * 60,
});

describe("at noon", () => {
  test.each([
    // The money ends at 13:30, 14:00 finds it gone, 15:00 suspends.
    ["1.5", "1", 180],
    // It ends at 13:00, but the last minutes may arrive after 13:00 was charged.
    ["1", "1", 180],
    ["0.95", "1", 120],
    ["0", "1", 120],
    ["-5", "1", 120],
    ["23.9", "1", 25 * 60],
    ["47.9999", "2", 26 * 60],
  ] as const)("%s points at %s an hour: stop after %i minutes without contact", (funds, burn, minutes) => {
    expect(cutOffRule(spending(funds, burn), NOON)).toEqual(stopAfter(minutes));
  });

  test.each([
    ["24", "1"],
    ["1000000", "1"],
    ["0", "0"],
    ["-5", "0"],
  ] as const)("%s points at %s an hour: it runs on", (funds, burn) => {
    expect(cutOffRule(spending(funds, burn), NOON)).toEqual(KEEP);
  });
});

test.each([
  // At 11:20 it became overdue, 12:00 suspends: that is late already.
  [-40, 0, 30],
  [0, 1, 60],
  [0, 20, 60],
  [0, 40, 30],
  [0, 59, 30],
])("an account overdue since minute %i: at minute %i it is %i minutes", (since, now, minutes) => {
  const overdue = spending("-1", "1", { status: "overdue", overdueSinceMs: at(since) });

  expect(cutOffRule(overdue, at(now))).toEqual(stopAfter(minutes));
});

test("what hosts that are not heard may have used shortens the time, and never takes a day's money away", () => {
  expect(cutOffRule(spending("10", "1", { unheard: parsePoints("8.5") }), NOON)).toEqual(stopAfter(180));
  expect(cutOffRule(spending("24", "1", { unheard: parsePoints("1000") }), NOON)).toEqual(KEEP);
});

/** Two hours and three quarters: two of them are what an account that is heard has, too, until it is suspended. */
const MOST_BEYOND_THE_MONEY = 165;
const EVALUATED_EVERY = CUT_OFF_RULES_EVERY_MS / MS_PER_MINUTE;
/** The last minute is always still on its way. */
const USAGE_LAG = 1;
const HOUR = MS_PER_HOUR / MS_PER_MINUTE;

interface History {
  /** Minutes after a full hour. */
  readonly startsAt: number;
  readonly evaluatedAt: number;
  readonly creditLimit: bigint;
  readonly balance: bigint;
  readonly topUp: { readonly at: number; readonly amount: bigint };
  /** What the instance on each costs a minute; when it loses contact for good, after the top-up. */
  readonly hosts: readonly { readonly price: bigint; readonly lostAfter: number }[];
}

interface Reported {
  readonly price: bigint;
  readonly lostAt: number;
  used: number;
  known: number;
  posted: number;
  rule: CutOffRule;
  stoppedAt: number | null;
  /** The true funds had a day left when contact was lost. */
  hadADay: boolean;
}

interface Ended {
  hosts: Reported[];
  /** By minute: whether the money, all that was really used counted, is gone. */
  isGone: boolean[];
}

/** Minute by minute, by the account's own rules. Without losses everything is heard to the end. */
function play(history: History, { losses, until }: { losses: boolean; until: number }): Ended {
  const hosts = history.hosts.map(({ price, lostAfter }): Reported => ({
    price,
    lostAt: losses ? history.topUp.at + lostAfter : Infinity,
    used: 0,
    known: 0,
    posted: 0,
    rule: KEEP,
    stoppedAt: null,
    hadADay: false,
  }));
  const { creditLimit } = history;
  let paid = history.balance;
  let { balance } = history;
  let status: OverdueStatus = "normal";
  let overdueSinceMs: number | null = null;
  const isGone: boolean[] = [];

  const sum = (of: (host: Reported) => bigint) => hosts.reduce((total, host) => total + of(host), 0n);
  const post = (change: bigint, nowMs: number) => {
    balance += change;
    const next = statusAfterPosting({ status, balance, creditLimit }, change);
    if (next !== status) overdueSinceMs = next === "overdue" ? nowMs : null;
    status = next;
  };
  // A host that is away counts as burning on: nobody can know better.
  const isWanted = (host: Reported, now: number) => host.stoppedAt === null || now >= host.lostAt;
  const evaluate = (now: number, nowMs: number) => {
    const funds = balance + creditLimit - sum((host) => BigInt(host.known - host.posted) * host.price);
    const unheard = sum((host) => (now > host.lostAt ? BigInt(now - host.lostAt) * host.price : 0n));
    const burnPerHour = sum((host) => (isWanted(host, now) ? host.price * 60n : 0n));
    const rule = cutOffRule({ status, overdueSinceMs, funds, unheard, burnPerHour }, nowMs);
    for (const host of hosts) if (now < host.lostAt) host.rule = rule;
  };

  for (let now = 0; now <= until; now += 1) {
    const nowMs = at(history.startsAt + now);
    const truly = paid + creditLimit - sum((host) => BigInt(host.used) * host.price);
    isGone.push(truly <= 0n);
    for (const host of hosts) if (now < host.lostAt) host.known = Math.max(0, host.used - USAGE_LAG);
    if (nowMs % MS_PER_HOUR === 0) {
      const change = sum((host) => BigInt(host.known - host.posted) * host.price);
      for (const host of hosts) host.posted = host.known;
      if (change > 0n) post(-change, nowMs);
      if (isDueForSuspension({ status, balance, creditLimit, overdueSinceMs }, nowMs)) {
        status = "suspended";
        for (const host of hosts) if (now < host.lostAt) host.stoppedAt ??= now;
      }
    }
    if (now === history.topUp.at) {
      paid += history.topUp.amount;
      post(history.topUp.amount, nowMs);
    }
    if (now % EVALUATED_EVERY === history.evaluatedAt || now === history.topUp.at) evaluate(now, nowMs);
    for (const host of hosts) {
      if (now === host.lostAt) {
        const burn = sum((one) => (isWanted(one, now) ? one.price * 60n : 0n));
        host.hadADay = paid + creditLimit - sum((one) => BigInt(one.used) * one.price) >= burn * 24n;
      }
      const { stopAfterSeconds } = host.rule;
      const isDue = stopAfterSeconds !== null && now - host.lostAt >= stopAfterSeconds / 60;
      if (isDue) host.stoppedAt ??= now;
      if (host.stoppedAt === null) host.used += 1;
    }
  }
  return { hosts, isGone };
}

const points = (min: number, max: number) => fc.integer({ min, max }).map(BigInt);
const histories: fc.Arbitrary<History> = fc.record({
  startsAt: fc.integer({ min: 0, max: HOUR - 1 }),
  evaluatedAt: fc.integer({ min: 0, max: EVALUATED_EVERY - 1 }),
  creditLimit: fc.oneof(fc.constant(0n), points(0, 5_000)),
  balance: points(1, 20_000),
  topUp: fc.record({ at: fc.integer({ min: 1, max: 600 }), amount: points(1, 10_000) }),
  hosts: fc.array(fc.record({ price: points(1, 5), lostAfter: fc.integer({ min: 1, max: 30 * HOUR }) }), {
    minLength: 1,
    maxLength: 4,
  }),
});
/** The last contact is lost within 40 hours, and no lease is longer than 27. */
const UNTIL = 70 * HOUR;

/** What became of a host after it had lost contact, beside the same one had nothing been lost. */
function aloneOf(
  { stoppedAt, lostAt, rule }: Reported,
  heard: Reported | undefined,
  isGone: readonly boolean[],
) {
  const isStopped = stoppedAt !== null && stoppedAt >= lostAt;
  let beyondTheMoney = 0;
  if (isStopped)
    for (let minute = stoppedAt; minute > lostAt && isGone[minute] === true; minute -= 1) beyondTheMoney += 1;
  return {
    isStopped,
    beyondTheMoney,
    isEarlier: isStopped && stoppedAt < (heard?.stoppedAt ?? Infinity),
    runsOnArmed: stoppedAt === null && rule.onDisconnect === "stop_after",
  };
}

describe("hosts that lose contact at any moment", () => {
  test("run at most two hours and three quarters beyond the money, and not at all less than when heard", () => {
    let stopped = 0;
    fc.assert(
      fc.property(histories, (history) => {
        const { hosts, isGone } = play(history, { losses: true, until: UNTIL });
        const heard = play(history, { losses: false, until: UNTIL });
        const alone = hosts.map((host, index) => aloneOf(host, heard.hosts[index], isGone));
        stopped += alone.filter(({ isStopped }) => isStopped).length;

        expect(alone.filter((one) => one.beyondTheMoney > MOST_BEYOND_THE_MONEY)).toEqual([]);
        expect(alone.filter(({ isEarlier }) => isEarlier)).toEqual([]);
        expect(alone.filter(({ runsOnArmed }) => runsOnArmed)).toEqual([]);
      }),
      { numRuns: 150 },
    );
    expect(stopped).toBeGreaterThan(30);
  });

  test("whoever has a day's money when contact is lost is never stopped", () => {
    let stored = 0;
    fc.assert(
      fc.property(histories, (history) => {
        const { hosts } = play(history, { losses: true, until: UNTIL });
        const rich = hosts.filter(
          ({ stoppedAt, lostAt, hadADay }) => hadADay && (stoppedAt ?? lostAt) >= lostAt,
        );
        stored += rich.length;

        expect(rich.filter(({ stoppedAt }) => stoppedAt !== null)).toEqual([]);
      }),
      { numRuns: 100 },
    );
    expect(stored).toBeGreaterThan(15);
  });
});
