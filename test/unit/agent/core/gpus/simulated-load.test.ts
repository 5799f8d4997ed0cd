/** How the readings of a simulated card move with its load. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idleReadings, nextReadings, type SimulatedUse } from "@remotegpu/agent/core/gpus/simulated-load";

const card = { index: 0, memoryTotalMib: 81_920, powerLimitW: 400 };
const busy: SimulatedUse = { memoryMib: 32_768, cpuPercent: null };

/** The readings after each of `steps` steps of two seconds. */
function run({
  uses,
  steps,
  from = idleReadings(card),
}: {
  uses: SimulatedUse[];
  steps: number;
  from?: ReturnType<typeof idleReadings>;
}) {
  const seen = [];
  for (let step = 1, previous = from; step <= steps; step++) {
    previous = nextReadings({ card, previous, uses, elapsedMs: 2_000, nowMs: step * 2_000 });
    seen.push(previous);
  }
  return seen;
}
const last = (seen: ReturnType<typeof run>) => seen.at(-1) ?? idleReadings(card);

describe("a card that is taken", () => {
  test("fills its memory in seconds and warms up in minutes", () => {
    const seen = run({ uses: [busy], steps: 120 });

    expect(seen[5]?.memoryUsedKib).toBeGreaterThan(30_000 * 1024);
    expect(seen[5]?.temperatureMilliC).toBeLessThan(50_000);
    expect(last(seen).temperatureMilliC).toBeGreaterThan(55_000);
  });

  test("reaches exactly the memory that is requested", () => {
    expect(last(run({ uses: [busy], steps: 60 })).memoryUsedKib).toBe(32_768 * 1024);
  });

  test("keeps moving under a steady load", () => {
    const use = run({ uses: [busy], steps: 60 }).map((readings) => readings.utilizationThousandths);

    expect(new Set(use.slice(20)).size).toBeGreaterThan(10);
  });

  test("follows the CPU use of its container where that is known", () => {
    const idle = last(run({ uses: [{ ...busy, cpuPercent: 0 }], steps: 60 }));

    expect(idle.utilizationThousandths).toBe(0);
    expect(idle.memoryUsedKib).toBe(32_768 * 1024);
  });
});

test("a card that is given back empties and cools down to where it began", () => {
  const warm = last(run({ uses: [busy], steps: 120 }));

  const cold = last(run({ uses: [], steps: 600, from: warm }));

  expect(cold).toEqual(idleReadings(card));
});

test("power follows use", () => {
  const [idle, full] = [0, 100].map((cpuPercent) =>
    last(run({ uses: [{ memoryMib: 1, cpuPercent }], steps: 60 })),
  );

  expect(full?.powerMilliW).toBeGreaterThan((idle?.powerMilliW ?? 0) * 4);
});

test("readings stay within what a card can show, whatever holds it and however time jumps", () => {
  const use = fc.record({
    memoryMib: fc.nat(1_000_000),
    cpuPercent: fc.option(fc.nat(10_000), { nil: null }),
  });
  const step = fc.record({
    uses: fc.array(use, { maxLength: 4 }),
    elapsedMs: fc.nat(10_000_000),
    nowMs: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      let readings = idleReadings(card);
      for (const { uses, elapsedMs, nowMs } of steps) {
        readings = nextReadings({ card, previous: readings, uses, elapsedMs, nowMs });
        expect(Object.values(readings).every(Number.isInteger)).toBe(true);
        expect(readings.memoryUsedKib).toBeGreaterThanOrEqual(0);
        expect(readings.memoryUsedKib).toBeLessThanOrEqual(card.memoryTotalMib * 1024);
        expect(readings.utilizationThousandths).toBeGreaterThanOrEqual(0);
        expect(readings.utilizationThousandths).toBeLessThanOrEqual(1000);
        expect(readings.temperatureMilliC).toBeGreaterThanOrEqual(30_000);
        expect(readings.temperatureMilliC).toBeLessThanOrEqual(80_000);
        expect(readings.powerMilliW).toBeGreaterThan(0);
        expect(readings.powerMilliW).toBeLessThanOrEqual(card.powerLimitW * 1000);
      }
    }),
  );
});

test("the same load at the same time gives the same readings", () => {
  expect(run({ uses: [busy], steps: 30 })).toEqual(run({ uses: [busy], steps: 30 }));
});
