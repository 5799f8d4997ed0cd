import * as fc from "fast-check";
import { expect, test } from "vitest";
import { typicalShapes } from "@remotegpu/control-plane/server/core/placement/scoring/typical-shapes";
import { aCountedShape } from "../../../../../../support/placement/fleet.ts";

const ofCpu = (cpuMilli: number, count: number) => aCountedShape({ cpuMilli, count });
const cpusOf = (...counts: readonly (readonly [cpuMilli: number, count: number])[]) =>
  typicalShapes(counts.map(([cpuMilli, count]) => ofCpu(cpuMilli, count))).map(({ cpuMilli }) => cpuMilli);

test("of nothing nothing is typical", () => {
  expect(typicalShapes([])).toEqual([]);
});

test("the most frequent come first", () => {
  expect(cpusOf([1, 2], [2, 3], [3, 4])).toEqual([3, 2, 1]);
});

test.each([
  {
    what: "exactly 95 %: the rest is left out",
    counts: [
      [1, 95],
      [2, 5],
    ],
    typical: [1],
  },
  {
    what: "just below: the next is needed",
    counts: [
      [1, 94],
      [2, 6],
    ],
    typical: [1, 2],
  },
] as const)("$what", ({ counts, typical }) => {
  expect(cpusOf(...counts)).toEqual(typical);
});

test("equal shapes are counted together, others are distinguished by everything but their memory", () => {
  const shapes = [
    aCountedShape({ count: 2, totalMemoryMib: 10 }),
    aCountedShape({ count: 3, totalMemoryMib: 7 }),
    aCountedShape({ cpuMilli: 2 }),
    aCountedShape({ gpuCount: 2 }),
    aCountedShape({ shareThousandths: 999 }),
    aCountedShape({ models: ["A"] }),
    aCountedShape({ models: ["A", "B"] }),
    aCountedShape({ leastMemoryMib: 1 }),
  ];

  const typical = typicalShapes(shapes);

  expect(typical).toHaveLength(7);
  expect(typical[0]).toEqual(aCountedShape({ count: 5, totalMemoryMib: 17 }));
});

test("there are as many as make up 95 %, or as many as are wanted at most", () => {
  const even = Array.from({ length: 1_000 }, (_, cpuMilli) => ofCpu(cpuMilli, 1));

  expect(typicalShapes(even)).toHaveLength(950);
  expect(typicalShapes(even, { atMost: 951 })).toHaveLength(950);
  expect(typicalShapes(even, { atMost: 949 })).toHaveLength(949);
});

test("the order of the input does not matter, and the input stays as it is", () => {
  const anyShapes = fc.array(
    fc.record({ cpu: fc.integer({ min: 1, max: 5 }), count: fc.integer({ min: 1, max: 4 }) }),
  );
  fc.assert(
    fc.property(anyShapes, (drawn) => {
      const shapes = drawn.map(({ cpu, count }) => ofCpu(cpu, count));
      const before = structuredClone(shapes);

      expect(typicalShapes(shapes.toReversed())).toEqual(typicalShapes(shapes));
      expect(shapes).toEqual(before);
    }),
  );
});
