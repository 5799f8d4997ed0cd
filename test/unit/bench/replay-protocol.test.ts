import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReplayError } from "../../bench/replay/replay-error.ts";
import { BACKFILLS, meanSlowdown, ORDERS, type Protocol } from "../../bench/replay/queue-protocol.ts";
import { parseSwf } from "../../bench/replay/swf-log.ts";
import { plainReplay } from "../../support/placement/plain-replay.ts";
import { type SwfRow, swfText } from "../../support/placement/swf.ts";

type Rules = Pick<Protocol, "order" | "backfill">;

function replayed(rows: readonly SwfRow[], processors: number, rules: Rules): number {
  return meanSlowdown(parseSwf(swfText(rows)), 0, { ...rules, processors, length: rows.length });
}

const mean = (...slowdowns: number[]) => slowdowns.reduce((sum, value) => sum + value, 0) / slowdowns.length;

describe("slowdowns worked out by hand", () => {
  /** Four processors. The second job blocks from second 1 to 100, and holds the whole machine until 160. */
  const rows = [
    { submit: 0, run: 100, processors: 3 },
    { submit: 1, run: 60, processors: 4 },
    { submit: 2, run: 50, processors: 1 },
    { submit: 3, run: 30, processors: 1 },
    { submit: 4, run: 20, processors: 4 },
    { submit: 5, run: 10, processors: 4 },
  ];

  test.each([
    // The third and fourth from 160, the fifth from 210, the sixth from 230.
    ["fcfs", "none", mean(1, 159 / 60, 208 / 50, 187 / 30, 226 / 20, 235 / 10)],
    // The sixth from 160, the fifth from 170, the fourth and third from 190.
    ["sjf", "none", mean(1, 159 / 60, 238 / 50, 217 / 30, 186 / 20, 165 / 10)],
    // The third at once, the fourth after it at 52, the fifth from 160, the sixth from 180.
    ["fcfs", "easy", mean(1, 159 / 60, 1, 79 / 30, 176 / 20, 185 / 10)],
    // The same, but the sixth from 160 and the fifth from 170.
    ["sjf", "easy", mean(1, 159 / 60, 1, 79 / 30, 186 / 20, 165 / 10)],
  ] as const)("%s, backfill %s", (order, backfill, expected) => {
    expect(replayed(rows, 4, { order, backfill })).toBeCloseTo(expected, 9);
  });

  test("a job of a moment counts as ten seconds, and no job has less than 1", () => {
    const rows = [
      { submit: 0, run: 5, processors: 1 },
      { submit: 1, run: 2, processors: 1 },
    ];

    expect(replayed(rows, 1, { order: "fcfs", backfill: "none" })).toBe(mean(1, 1));
    expect(
      replayed([{ submit: 0, run: 30, processors: 1 }, ...rows], 1, { order: "fcfs", backfill: "none" }),
    ).toBe(mean(1, 35 / 10, 36 / 10));
  });

  test("the head is not passed by a shorter one that arrives while it waits", () => {
    const rows = [
      { submit: 0, run: 100, processors: 4 },
      { submit: 1, run: 50, processors: 4 },
      { submit: 3, run: 5, processors: 4 },
    ];

    expect(replayed(rows, 4, { order: "sjf", backfill: "none" })).toBeCloseTo(mean(1, 149 / 50, 152 / 10), 9);
  });
});

describe("ties", () => {
  test.each([
    { run: 96, what: "just before", startedAt: 3 },
    { run: 97, what: "exactly at", startedAt: 100 },
  ])("a job that would end $what the head's start", ({ run, startedAt }) => {
    const rows = [
      { submit: 0, run: 100, processors: 3 },
      { submit: 1, run: 100, processors: 2 },
      { submit: 3, run, processors: 1 },
    ];

    expect(replayed(rows, 4, { order: "fcfs", backfill: "easy" })).toBeCloseTo(
      mean(1, 199 / 100, (startedAt - 3 + run) / run),
      9,
    );
  });

  test("who arrives as another ends is in line before it ends", () => {
    const rows = [
      { submit: 0, run: 10, processors: 4 },
      { submit: 5, run: 20, processors: 2 },
      { submit: 6, run: 20, processors: 4 },
      { submit: 10, run: 5, processors: 4 },
    ];

    // At 10 the second starts, and of the two in line the last is shorter: it from 30, the third from 35.
    expect(replayed(rows, 4, { order: "sjf", backfill: "none" })).toBeCloseTo(
      mean(1, 25 / 20, 49 / 20, 25 / 10),
      9,
    );
  });

  test.each([
    // Three free at first: the third starts, and beside the fourth only the sixth fits; the fifth at 22.
    { first: 3, second: 2, fifth: 34 / 15, sixth: 18 / 12 },
    // Two free at first, then four: the fifth fits, the sixth at 25.
    { first: 2, second: 3, fifth: 22 / 15, sixth: 33 / 12 },
  ])(
    "of two that end together, $first then $second processors are given back",
    ({ first, second, fifth, sixth }) => {
      const rows = [
        { submit: 0, run: 10, processors: first },
        { submit: 0, run: 10, processors: second },
        { submit: 1, run: 50, processors: 1 },
        { submit: 2, run: 20, processors: 5 },
        { submit: 3, run: 15, processors: 3 },
        { submit: 4, run: 12, processors: 2 },
      ];

      expect(replayed(rows, 5, { order: "fcfs", backfill: "easy" })).toBeCloseTo(
        mean(1, 1, 59 / 50, 78 / 20, fifth, sixth),
        9,
      );
    },
  );

  test("of one second and one length, the one with the lower number goes first", () => {
    const rows = [
      { submit: 0, run: 10, processors: 4 },
      { submit: 1, run: 20, processors: 4 },
      { submit: 2, run: 5, processors: 4 },
      { submit: 2, run: 5, processors: 3 },
      { submit: 2, run: 6, processors: 1 },
    ];

    // The third from 30, then the fourth and the fifth side by side.
    expect(replayed(rows, 4, { order: "sjf", backfill: "none" })).toBeCloseTo(
      mean(1, 29 / 20, 33 / 10, 38 / 10, 39 / 10),
      9,
    );
  });

  test("of one second, backfill goes by how the choice of the head left them", () => {
    const rows = [
      { submit: 0, run: 10, processors: 4 },
      { submit: 1, run: 30, processors: 3 },
      { submit: 2, run: 6, processors: 4 },
      { submit: 3, run: 20, processors: 1 },
      { submit: 3, run: 9, processors: 1 },
    ];

    // At 10 the third blocks until 40; the fifth, which is shorter, from 10, the fourth after it.
    expect(replayed(rows, 4, { order: "sjf", backfill: "easy" })).toBeCloseTo(
      mean(1, 39 / 30, 44 / 10, 36 / 20, 16 / 10),
      9,
    );
  });
});

describe("against the plain twin", () => {
  const PROCESSORS = 8;
  const anyRows = fc
    .array(
      fc.record({
        gap: fc.constantFrom(0, 0, 1, 2, 5, 30),
        run: fc.constantFrom(1, 2, 3, 5, 8, 13, 21, 40),
        processors: fc.integer({ min: 1, max: PROCESSORS }),
      }),
      { minLength: 1, maxLength: 80 },
    )
    .map((drawn) => {
      let submit = 100;
      return drawn.map(({ gap, ...rest }) => ({ ...rest, submit: (submit += gap) }));
    });

  test.each(ORDERS.flatMap((order) => BACKFILLS.map((backfill) => ({ order, backfill }))))(
    "any log comes out the same: $order, backfill $backfill",
    ({ order, backfill }) => {
      fc.assert(
        fc.property(anyRows, (rows) => {
          // With one payer the product's order is that of their coming.
          const twin = order === "product" ? "fcfs" : order;
          const startedAt = plainReplay(rows, {
            order: twin,
            easy: backfill === "easy",
            processors: PROCESSORS,
          });
          const slowdowns = rows.map((row) =>
            Math.max(1, ((startedAt.get(row) ?? Infinity) - row.submit + row.run) / Math.max(row.run, 10)),
          );

          expect(replayed(rows, PROCESSORS, { order, backfill })).toBeCloseTo(mean(...slowdowns), 9);
        }),
        { numRuns: 300 },
      );
    },
  );
});

describe("what cannot be replayed", () => {
  const log = parseSwf(swfText([4, 1, -1, 2].map((processors, submit) => ({ submit, run: 1, processors }))));
  const protocol: Protocol = { order: "fcfs", backfill: "none", length: 2, processors: 3 };

  test.each([
    [0, "job 1 needs 4 processors, the machine has 3"],
    [1, "job 3 does not say how many processors it needs"],
    [3, "start 3 with 2 jobs goes beyond the log, of which 4 jobs are replayed"],
    [9, "start 9 with 2 jobs goes beyond the log, of which 4 jobs are replayed"],
  ])("from start %i", (start, message) => {
    expect(() => meanSlowdown(log, start, protocol)).toThrow(new ReplayError(message));
  });

  test("a job that is not among those replayed blocks nobody", () => {
    expect(meanSlowdown(log, 1, { ...protocol, length: 1 })).toBe(1);
  });
});
