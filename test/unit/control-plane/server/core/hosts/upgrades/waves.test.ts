import * as fc from "fast-check";
import { expect, test } from "vitest";
import { wavesOf } from "@remotegpu/control-plane/server/core/hosts/upgrades/waves";

const hosts = (count: number) => Array.from({ length: count }, (_, n) => `host-${n}`);

test.each([
  { count: 0, sizes: [] },
  { count: 1, sizes: [1] },
  { count: 2, sizes: [1, 1] },
  { count: 4, sizes: [1, 3] },
  { count: 20, sizes: [1, 4, 15] },
  { count: 21, sizes: [1, 1, 4, 15] },
  { count: 1_000, sizes: [1, 49, 200, 750] },
])("$count hosts are upgraded in waves of $sizes", ({ count, sizes }) => {
  expect(wavesOf(hosts(count)).map((wave) => wave.length)).toEqual(sizes);
});

test("every host is in one wave, in the order that was given", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3_000 }), (count) => {
      expect(wavesOf(hosts(count)).flat()).toEqual(hosts(count));
    }),
    { numRuns: 50 },
  );
});
