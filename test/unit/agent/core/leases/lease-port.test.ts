import * as fc from "fast-check";
import { expect, test } from "vitest";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import {
  choosePort,
  doOverlap,
  exhaustedReason,
  portCounts,
  PORT_REUSE_DELAY_MS,
  portUse,
  randomStart,
} from "@remotegpu/agent/core/leases/lease-port";
import { released } from "@remotegpu/agent/core/leases/lease";
import { heldLease, leaseRecord } from "../../../../support/samples/lease-samples.ts";

const RANGE = { first: 20_000, last: 20_003 };
const NONE = { held: new Set<number>(), resting: new Set<number>() };

test.each([
  [20_000, [], 20_000],
  [20_002, [], 20_002],
  [20_002, [20_002, 20_003], 20_000],
  [20_003, [20_003, 20_000, 20_001], 20_002],
  [20_000, [20_000, 20_001, 20_002, 20_003], null],
])("from %i on, with %j taken, the number is %s", (startAt, taken, chosen) => {
  expect(choosePort(RANGE, { ...NONE, held: new Set(taken) }, { strangers: new Set(), startAt })).toBe(
    chosen,
  );
  expect(choosePort(RANGE, { ...NONE, resting: new Set(taken) }, { strangers: new Set(), startAt })).toBe(
    chosen,
  );
  expect(choosePort(RANGE, NONE, { strangers: new Set(taken), startAt })).toBe(chosen);
});

test("a number is chosen exactly when one is free, and it is a free one", () => {
  const ports = fc.uniqueArray(fc.integer({ min: 19_998, max: 20_012 })).map((list) => new Set(list));
  fc.assert(
    fc.property(
      fc.record({
        held: ports,
        resting: ports,
        strangers: ports,
        chance: fc.double({ min: 0, max: 0.999, noNaN: true }),
      }),
      ({ held, resting, strangers, chance }) => {
        const range = { first: 20_000, last: 20_009 };
        const free = Array.from({ length: 10 }, (_, at) => 20_000 + at).filter(
          (port) => !held.has(port) && !resting.has(port) && !strangers.has(port),
        );

        const chosen = choosePort(
          range,
          { held, resting },
          { strangers, startAt: randomStart(range, chance) },
        );

        expect(chosen === null ? [] : [chosen]).toEqual(free.filter((port) => port === chosen));
        expect(chosen === null).toBe(free.length === 0);
      },
    ),
  );
});

test("a released number rests for ten minutes, and one that was never given does not", () => {
  const over = released(heldLease("a", 20_001), "ordered", 1_000);
  const leases = [
    over,
    heldLease("b", 20_002),
    leaseRecord("c"),
    released(leaseRecord("d"), "ordered", 1_000),
  ];

  expect(portUse(leases, 1_000 + PORT_REUSE_DELAY_MS - 1)).toEqual({
    held: new Set([20_002]),
    resting: new Set([20_001]),
  });
  expect(portUse(leases, 1_000 + PORT_REUSE_DELAY_MS).resting).toEqual(new Set());
});

test("a number that is about to be tried is nobody else's", () => {
  expect(portUse([leaseRecord("a", { externalPort: 20_001 })], 0).held).toEqual(new Set([20_001]));
});

test("why there is none counts what is in the range", () => {
  const use = { held: new Set([20_000, 20_001, 30_000]), resting: new Set([20_002]) };

  expect(textOf(exhaustedReason(RANGE, use, 1))).toBe(
    "No port from 20000 to 20003 is free: 2 are held, 1 rest for 10 minutes, 1 that were tried are other programs'.",
  );
});

test.each([
  [{ first: 32_768, last: 60_999 }, { first: 20_000, last: 29_999 }, false],
  [{ first: 29_999, last: 60_999 }, { first: 20_000, last: 29_999 }, true],
  [{ first: 1_024, last: 65_535 }, { first: 20_000, last: 29_999 }, true],
])("%j and %j overlap: %s", (a, b, overlap) => {
  expect([doOverlap(a, b), doOverlap(b, a)]).toEqual([overlap, overlap]);
});

test.each([
  [0, 20_000],
  [0.5, 20_002],
  [0.999, 20_003],
])("chance %d starts at %i", (chance, start) => {
  expect(randomStart(RANGE, chance)).toBe(start);
});

test("the numbers of the range are leased, resting or free, and numbers beyond it are none of them", () => {
  const use = { held: new Set([20_000, 20_001, 30_000]), resting: new Set([20_003, 19_999]) };

  expect(portCounts(RANGE, use)).toEqual({ active: 2, cooling: 1, free: 1 });
  expect(portCounts(RANGE, NONE)).toEqual({ active: 0, cooling: 0, free: 4 });
});
