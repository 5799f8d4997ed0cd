import { expect, test } from "vitest";
import {
  capacityOf,
  decayTable,
  dominantShare,
  latelyHeld,
  NOTHING,
  WHOLE_FLEET,
  weighed,
} from "@remotegpu/control-plane/server/core/queue/share";
import { CLOSED, aHost, gpusOf } from "../../../../../support/placement/fleet.ts";

const FLEET = { cpuMilli: 10_000, memoryMib: 1_000, gpuThousandths: 8_000 };

test("a share is the largest of CPU, memory and GPU, in millionths of the fleet", () => {
  expect(dominantShare({ cpuMilli: 1_000, memoryMib: 200, gpuThousandths: 400 }, FLEET)).toBe(200_000);
  expect(dominantShare({ cpuMilli: 1_000, memoryMib: 0, gpuThousandths: 8_000 }, FLEET)).toBe(WHOLE_FLEET);
  expect(dominantShare(NOTHING, FLEET)).toBe(0);
});

test("what the fleet has nothing of counts for nobody, and sums beyond a double's exactness are still exact", () => {
  expect(dominantShare({ ...NOTHING, gpuThousandths: 5 }, { ...FLEET, gpuThousandths: 0 })).toBe(0);
  const much = { ...NOTHING, memoryMib: 90_000_000_000 };
  expect(dominantShare(much, { ...NOTHING, memoryMib: 70_000_000_000 })).toBe(1_285_714);
});

test("the fleet is what hosts and cards have that take orders", () => {
  const [first, ...others] = gpusOf("a", 3);
  if (first === undefined) throw new Error("no card");
  const open = aHost({ id: "a", gpus: [{ ...first, closed: CLOSED }, ...others] });
  const closed = aHost({ id: "b", gpus: gpusOf("b", 4), closed: CLOSED });

  expect(capacityOf({ hosts: [open, closed] })).toEqual({
    cpuMilli: open.totalCpuMilli,
    memoryMib: open.totalMemoryMib,
    gpuThousandths: 2_000,
  });
});

test("hours count half as much after each half life, and never more than those after them", () => {
  const decay = decayTable(24);

  expect([0, 24, 48, 144].map((age) => decay[age])).toEqual([65_536, 32_768, 16_384, 1_024]);
  expect(decay).toHaveLength(168);
  expect(
    decay.every((factor, age) => factor < (decay[age - 1] ?? Infinity) && Number.isInteger(factor)),
  ).toBe(true);
  for (const [age, factor] of decay.entries()) {
    expect(factor / (65_536 * 2 ** (-age / 24))).toBeGreaterThan(0.99);
    expect(factor / (65_536 * 2 ** (-age / 24))).toBeLessThan(1.07);
  }
});

test("whoever held the same all the time lately held just that, and whoever held it long ago less than of late", () => {
  const decay = decayTable(3);
  const amounts = { cpuMilli: 4_000 * 3_600, memoryMib: 7 * 3_600, gpuThousandths: 1_000 * 3_600 };
  const at = (ages: readonly number[]) =>
    latelyHeld(
      ages.map((age) => weighed([{ age, ...amounts }], decay)),
      decay,
    );

  expect(at(decay.map((_, age) => age))).toEqual({ cpuMilli: 4_000, memoryMib: 7, gpuThousandths: 1_000 });
  expect(at([20]).gpuThousandths).toBeLessThan(at([1]).gpuThousandths);
  expect(at([decay.length])).toEqual(NOTHING);
});
