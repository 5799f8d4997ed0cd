import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import { hostClasses } from "@remotegpu/control-plane/server/core/placement/fleet/host-classes";
import { HostIndex, UNFIT } from "@remotegpu/control-plane/server/core/placement/fleet/host-index";
import { aHost } from "../../../../../../support/placement/fleet.ts";

const CHANGE = { cpuMilli: 0, memoryMib: 0, tempStorageMib: 0 };

function stateOf(hosts: number): FleetState {
  return new FleetState({
    hosts: Array.from({ length: hosts }, (_, host) => aHost({ id: String(host).padStart(3, "0") })),
  });
}

/** The index over values that a test may change, each host of the given class; `asked` says how often one was looked at. */
function indexOf(values: number[], classes: number[] = []) {
  const state = stateOf(values.length);
  const requested = { times: 0 };
  const alike = hostClasses(values.length, (host) => String(classes[host] ?? 0));
  const index = new HostIndex(state, alike, (host) => {
    requested.times += 1;
    return values[host] as number;
  });
  const set = (host: number, value: number) => {
    values[host] = value;
    state.take(host, CHANGE, []);
  };
  return { state, index, requested, set };
}

test.each<[number[], number | null]>([
  [[], null],
  [[UNFIT], null],
  [[0], 0],
  [[UNFIT, UNFIT, UNFIT], null],
  [[1, 2, 3], 2],
  [[3, 2, 1], 0],
  [[UNFIT, 0], 1],
  [[UNFIT, 7, 7, UNFIT, 7], 1],
  [[5, 5, 5, 5, 6], 4],
])("of %j the best is host %j", (values, best) => {
  expect(indexOf(values).index.best()).toBe(best);
});

test.each<[string, number[], number | null]>([
  ["the best in spite of it", [0, 2], 2],
  ["of equals the first, whichever class it is of", [0, 3], 0],
  ["a better one no longer", [0, 4], 0],
  ["the best of the other class", [9, 0], 2],
])("a handicap counts: %s", (_what, handicaps, best) => {
  const { index } = indexOf([5, 7, 8, UNFIT], [0, 1, 1, 0]);

  expect(index.best(Int32Array.from(handicaps))).toBe(best);
});

test("a class of which no host fits is no matter, nor is a worth below nothing", () => {
  const { index, set } = indexOf([UNFIT, 2], [0, 1]);

  expect(index.best(Int32Array.from([0, 5]))).toBe(1);
  set(1, UNFIT);
  expect(index.best(Int32Array.from([0, 5]))).toBeNull();
});

test("a host that changed plays again, and only it", () => {
  const { index, requested, set } = indexOf([1, 2, 3, 4]);
  requested.times = 0;

  set(3, 0);
  set(3, 2);

  expect(index.best()).toBe(2);
  expect(requested.times).toBe(1);
  expect(Array.from(index.values().slice(0, 4))).toEqual([1, 2, 3, 2]);
});

test("without changes nobody plays", () => {
  const { index, requested } = indexOf([1, 2, 3]);
  requested.times = 0;

  index.best();
  index.values();

  expect(requested.times).toBe(0);
});

test("the last host that fits may go, and come again", () => {
  const { index, set } = indexOf([4]);

  set(0, UNFIT);
  expect(index.best()).toBeNull();

  set(0, 0);
  expect(index.best()).toBe(0);
});

test("an index that was not queried for longer than the log reaches is right all the same", () => {
  const { index, set } = indexOf([9, 1]);

  for (let change = 0; change < 100; change += 1) set(1, 10 + change);

  expect(index.best()).toBe(1);
  expect(index.values()[1]).toBe(109);
});

test("it is the first of the best after any changes, queried at any time, with any handicaps", () => {
  const anyChanges = fc.array(
    fc.record({
      host: fc.nat(),
      value: fc.integer({ min: UNFIT, max: 3 }),
      handicaps: fc.option(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 3 })),
    }),
    { maxLength: 80 },
  );
  const anyHosts = fc.array(
    fc.record({ value: fc.integer({ min: UNFIT, max: 3 }), group: fc.nat({ max: 2 }) }),
    { minLength: 1, maxLength: 9 },
  );
  fc.assert(
    fc.property(anyHosts, anyChanges, (hosts, changes) => {
      const values = hosts.map(({ value }) => value);
      const groups = hosts.map(({ group }) => group);
      const names = [...new Set(groups)];
      const { index, set } = indexOf(values, groups);
      const scan = (handicaps: number[]) => {
        const worths = values.map((value, host) =>
          value === UNFIT ? -Infinity : value - (handicaps[names.indexOf(groups[host] ?? 0)] ?? 0),
        );
        const most = Math.max(...worths);
        return most === -Infinity ? null : worths.indexOf(most);
      };

      for (const { host, value, handicaps } of changes) {
        set(host % values.length, value);
        const isRight = handicaps === null || index.best(Int32Array.from(handicaps)) === scan(handicaps);
        expect(isRight).toBe(true);
      }

      expect(index.best()).toBe(scan([]));
      expect(Array.from(index.values().slice(0, values.length))).toEqual(values);
    }),
  );
});
