/** Rating: exact examples, and that neither cutting nor order nor repetition of messages changes a bill. */
import { type Interval, totalMs, union } from "@remotegpu/control-plane/server/core/billing/proven-time";
import {
  amountOf,
  billedMinutes,
  type Charge,
  chargesDue,
  estimate,
  type PricedLine,
  rateRun,
  type MonthShare,
} from "@remotegpu/control-plane/server/core/billing/rating";
import { waivedTime } from "@remotegpu/control-plane/server/core/billing/waived-time";
import { formatPoints, parsePrice, parseQuantity } from "@remotegpu/shared/values/money";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const CHINA = { utcOffsetMinutes: 480, closeDelayHours: 24 };
const MIDNIGHT = Date.parse("2026-01-31T16:00:00Z");
const DAY = 86_400_000;

function line(unitPrice: string, other: Partial<PricedLine> = {}): PricedLine {
  const price = { unitPrice: parsePrice(unitPrice), billingUnit: "hour" } as const;
  return { line: "spec", quantity: parseQuantity("1"), ...price, ...other };
}

describe("minutes", () => {
  test.each([
    [0, 0],
    [1, 1],
    [59_999, 1],
    [60_000, 1],
    [60_001, 2],
    [365 * DAY + 1, 525_601],
  ])("%d ms are %d minutes", (ms, minutes) => {
    expect(billedMinutes(ms)).toBe(minutes);
  });
});

describe("amount of a line", () => {
  test.each([
    { name: "no minutes", of: line("3"), minutes: 0, expected: "0.0000" },
    { name: "an hourly price by the minute", of: line("5"), minutes: 67, expected: "5.5833" },
    {
      name: "exactly half is rounded up",
      of: line("0.00005", { billingUnit: "minute" }),
      minutes: 1,
      expected: "0.0001",
    },
    {
      name: "just below half is rounded down",
      of: line("0.000049", { billingUnit: "minute" }),
      minutes: 1,
      expected: "0.0000",
    },
    {
      name: "a price per day",
      of: line("0.24", { billingUnit: "day", quantity: parseQuantity("100") }),
      minutes: 1440,
      expected: "24.0000",
    },
    {
      name: "a quantity with many decimals",
      of: line("1", { quantity: parseQuantity("0.0009765625") }),
      minutes: 60,
      expected: "0.0010",
    },
    {
      name: "more than a million",
      of: line("1250", { quantity: parseQuantity("1000") }),
      minutes: 6000,
      expected: "125000000.0000",
    },
  ])("$name", ({ of, minutes, expected }) => {
    expect(formatPoints(amountOf(of, minutes))).toBe(expected);
  });

  test("an estimate for some minutes is what a run of exactly those is charged, however it is cut", () => {
    const lines = fc.uniqueArray(
      fc.record({
        line: fc.constantFrom("cpu", "memory", "gpu", "temp_storage"),
        quantity: fc.bigInt({ min: 1n, max: 10n ** 33n }),
        unitPrice: fc.bigInt({ min: 0n, max: 10n ** 9n }),
        billingUnit: fc.constantFrom("minute" as const, "hour" as const, "day" as const),
      }),
      { minLength: 1, maxLength: 4, selector: (one) => one.line },
    );
    const run = fc.record({
      lines,
      minutes: fc.integer({ min: 1, max: 100_000 }),
      startsAtMs: fc.integer({ min: 0, max: 40 * DAY }),
      cutAfterMs: fc.integer({ min: 0, max: 100 * DAY }),
    });

    fc.assert(
      fc.property(run, ({ lines: priced, minutes, startsAtMs, cutAfterMs }) => {
        const fromMs = MIDNIGHT - 20 * DAY + startsAtMs;
        const toMs = fromMs + minutes * 60_000;
        const cutMs = Math.min(fromMs + cutAfterMs, toMs);
        const proven = union([
          { fromMs, toMs: cutMs },
          { fromMs: cutMs, toMs },
        ]);

        const rated = rateRun({ proven, waived: [], lines: priced }, CHINA);
        const posted = chargesDue({ rated, posted: [], proven, waived: [] }, CHINA);

        const charged = posted.reduce((sum, charge) => sum + charge.amount, 0n);
        expect(charged).toBe(estimate(priced, { minutes, instances: 1 }));
      }),
    );
  });

  test("an estimate is one rounded instance times the instances", () => {
    expect(formatPoints(estimate([line("1")], { minutes: 1, instances: 6 }))).toBe("0.1002");
  });
});

describe("months", () => {
  test("the minute that straddles midnight belongs to the month in which it began", () => {
    const proven = union([{ fromMs: MIDNIGHT - 30_000, toMs: MIDNIGHT + 90_000 }]);

    const rated = rateRun({ proven, waived: [], lines: [line("60")] }, CHINA);

    expect(rated.shares).toEqual([
      { line: "spec", usageMonth: "2026-01", minutes: 1, amount: 10_000n },
      { line: "spec", usageMonth: "2026-02", minutes: 1, amount: 10_000n },
    ]);
  });

  test("a month in which only the rest of a counted minute falls has no share", () => {
    const proven = union([{ fromMs: MIDNIGHT - 30_000, toMs: MIDNIGHT + 20_000 }]);

    const rated = rateRun({ proven, waived: [], lines: [line("60")] }, CHINA);

    expect(rated.shares.map((share) => share.usageMonth)).toEqual(["2026-01"]);
  });
});

describe("a charge", () => {
  test("names the stretch that it stands for", () => {
    const time = (toMs: number): readonly Interval[] => union([{ fromMs: 1000, toMs }]);
    const lines = [line("60")];
    const first = charge(time(61_000), [], lines);

    const second = charge(time(200_000), first, lines);

    expect(first).toMatchObject([{ minutes: 1, fromMs: 1000, toMs: 61_000 }]);
    expect(second).toMatchObject([{ minutes: 3, fromMs: 61_000, toMs: 200_000 }]);
  });

  test("is a credit when time that was charged turns out to be waived", () => {
    const proven = union([{ fromMs: 0, toMs: 600_000 }]);
    const lines = [line("60")];
    const posted = charge(proven, [], lines);
    const waived = { proven, waived: [{ fromMs: 120_000, toMs: Infinity }] };

    const due = chargesDue({ rated: rateRun({ ...waived, lines }, CHINA), posted, ...waived }, CHINA);

    expect(due).toMatchObject([{ minutes: -8, amount: -80_000n }]);
  });

  test("leaves out a broken stretch amid the time, and rounds what is left once", () => {
    const proven = union([{ fromMs: 0, toMs: 600_000 }]);
    const lines = [line("60")];
    const waived = [{ fromMs: 90_000, toMs: 210_500 }];

    const rated = rateRun({ proven, waived, lines }, CHINA);

    expect(rated).toMatchObject({ provenMs: 600_000, waivedMs: 120_500, minutes: 8, amount: 80_000n });
  });
});

/** Intervals around the end of a month; lengths are odd on purpose. */
const intervals = fc.array(
  fc
    .tuple(fc.integer({ min: -400_000, max: 400_000 }), fc.integer({ min: 0, max: 130_000 }))
    .map(([start, length]) => ({ fromMs: MIDNIGHT + start, toMs: MIDNIGHT + start + length })),
  { minLength: 1, maxLength: 12 },
);
const lines = fc
  .array(
    fc.record({
      quantity: fc.bigInt({ min: 1n, max: 64n * 10n ** 30n }),
      unitPrice: fc.bigInt({ min: 0n, max: 50_000_000n }),
      billingUnit: fc.constantFrom("minute", "hour", "day"),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((all): PricedLine[] => all.map((one, index) => ({ ...one, line: `line-${index}` })));
/** From some moment on, or some broken stretches, or both, or nothing. */
const moment = fc.integer({ min: MIDNIGHT - 400_000, max: MIDNIGHT + 400_000 });
const waiver = fc
  .tuple(fc.option(moment, { nil: null }), fc.array(fc.tuple(moment, fc.integer({ min: 1, max: 90_000 }))))
  .map(([fromMs, broken]) =>
    waivedTime(
      fromMs,
      broken.map(([start, length]) => ({ fromMs: start, toMs: start + length })),
    ),
  );

function charge(
  proven: readonly Interval[],
  posted: readonly MonthShare[],
  of: PricedLine[],
  waived: readonly Interval[] = [],
): Charge[] {
  const rated = rateRun({ proven, waived, lines: of }, CHINA);
  return chargesDue({ rated, posted, proven, waived }, CHINA);
}

function summed(shares: readonly MonthShare[]): Map<string, string> {
  const sums = new Map<string, { minutes: number; amount: bigint }>();
  for (const share of shares) {
    const key = `${share.usageMonth} ${share.line}`;
    const sum = sums.get(key) ?? { minutes: 0, amount: 0n };
    sums.set(key, { minutes: sum.minutes + share.minutes, amount: sum.amount + share.amount });
  }
  const text = [...sums].map(([key, sum]) => [key, `${sum.minutes} ${sum.amount}`] as const);
  return new Map(text.filter(([, sum]) => sum !== "0 0").sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("for any messages", () => {
  test("charging at every arrival, in any order and twice over, posts what one charge at the end posts", () => {
    const shuffled = intervals.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })),
    );
    fc.assert(
      fc.property(shuffled, lines, waiver, ([all, arrivals], of, waived) => {
        const posted: Charge[] = [];
        const arrived: Interval[] = [];
        for (const arrival of arrivals) {
          arrived.push(arrival);
          posted.push(...charge(union(arrived), posted, of, waived));
        }

        const whole = rateRun({ proven: union(all), waived, lines: of }, CHINA);
        expect(summed(posted)).toEqual(summed(whole.shares));
        expect(posted.reduce((sum, one) => sum + one.amount, 0n)).toBe(whole.amount);
        expect(charge(union(all), posted, of, waived)).toEqual([]);
      }),
    );
  });

  test("cutting an interval changes nothing", () => {
    fc.assert(
      fc.property(intervals, fc.integer({ min: 500, max: 50_000 }), lines, (all, step, of) => {
        const cut = all.flatMap((one) => {
          const parts: Interval[] = [];
          for (let fromMs = one.fromMs; fromMs < one.toMs; fromMs += step)
            parts.push({ fromMs, toMs: Math.min(fromMs + step, one.toMs) });
          return parts;
        });

        const rated = (time: readonly Interval[]) =>
          rateRun({ proven: union(time), waived: [], lines: of }, CHINA);
        expect(rated(cut)).toEqual(rated(all));
      }),
    );
  });

  test("every line's minutes add up to the run's, billed time exceeds payable time by less than a minute", () => {
    fc.assert(
      fc.property(intervals, lines, waiver, (all, of, waived) => {
        const rated = rateRun({ proven: union(all), waived, lines: of }, CHINA);

        const payableMs = rated.provenMs - rated.waivedMs;
        expect(rated.minutes * 60_000 - payableMs).toBeGreaterThanOrEqual(0);
        expect(rated.minutes * 60_000 - payableMs).toBeLessThan(60_000);
        expect(rated.provenMs).toBe(totalMs(union(all)));
        for (const one of of) {
          const shares = rated.shares.filter((share) => share.line === one.line);
          expect(shares.reduce((sum, share) => sum + share.minutes, 0)).toBe(rated.minutes);
          expect(shares.reduce((sum, share) => sum + share.amount, 0n)).toBe(amountOf(one, rated.minutes));
        }
      }),
    );
  });

  test("a charge's stretch lies within its month and never ends before it starts", () => {
    fc.assert(
      fc.property(intervals, lines, (all, of) => {
        for (const one of charge(union(all), [], of)) {
          expect(one.fromMs).toBeLessThanOrEqual(one.toMs);
          expect(one.usageMonth === "2026-01" ? one.toMs <= MIDNIGHT : one.toMs > MIDNIGHT).toBe(true);
        }
      }),
    );
  });
});
