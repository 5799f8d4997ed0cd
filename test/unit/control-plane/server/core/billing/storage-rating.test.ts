/** What a day of storage costs: means, the free amount and its edges, prices by other units, and exactness. */
import {
  rateStorageDay,
  type StorageTerms,
} from "@remotegpu/control-plane/server/core/billing/storage-rating";
import { formatDecimal, formatPoints, parsePrice } from "@remotegpu/shared/values/money";
import { GIB } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const gb = (count: number) => BigInt(count) * BigInt(GIB);
const FREE = 50_000_000n;
const DEFAULT = { unitPrice: parsePrice("0.003333"), billingUnit: "day" } as const;

function visible(pools: { bytes: bigint; samples: number }[], price: StorageTerms["price"] = DEFAULT) {
  const rated = rateStorageDay(pools, { price, freeGb: FREE });
  return (
    rated && [
      rated.samples,
      formatDecimal(rated.averageGb, 6),
      formatDecimal(rated.billableGb, 6),
      formatPoints(rated.amount),
    ]
  );
}

describe("a day", () => {
  test.each([
    ["without pools", [], null],
    ["with a pool that has no sample", [{ bytes: 0n, samples: 0 }], null],
    ["of nothing", [{ bytes: 0n, samples: 24 }], [24, "0.000000", "0.000000", "0.0000"]],
    ["exactly at the free amount", [{ bytes: gb(50), samples: 1 }], [1, "50.000000", "0.000000", "0.0000"]],
    ["one byte beyond it", [{ bytes: gb(50) + 1n, samples: 1 }], [1, "50.000000", "0.000000", "0.0000"]],
    ["a GB beyond it", [{ bytes: gb(51), samples: 1 }], [1, "51.000000", "1.000000", "0.0033"]],
    // 15.0015 GB beyond: 0.05 less 10^-9, and 0.04999999... rounds up.
    [
      "with a mean that does not end",
      [{ bytes: gb(200), samples: 3 }],
      [3, "66.666667", "16.666667", "0.0556"],
    ],
    [
      "on two pools: their means are added and one amount is free",
      [
        { bytes: gb(40 * 24), samples: 24 },
        { bytes: gb(40), samples: 1 },
      ],
      [25, "80.000000", "30.000000", "0.1000"],
    ],
    [
      "on a pool without samples beside one with",
      [
        { bytes: 0n, samples: 0 },
        { bytes: gb(80 * 20), samples: 20 },
      ],
      [20, "80.000000", "30.000000", "0.1000"],
    ],
  ])("%s", (_, pools, expected) => {
    expect(visible(pools)).toEqual(expected);
  });

  test("exactly half of the last decimal is rounded up", () => {
    // One GB beyond the free amount at 0.00005.
    expect(visible([{ bytes: gb(51), samples: 1 }], { ...DEFAULT, unitPrice: 50n })?.at(-1)).toBe("0.0001");
    expect(visible([{ bytes: gb(51), samples: 1 }], { ...DEFAULT, unitPrice: 49n })?.at(-1)).toBe("0.0000");
  });

  test("a price by the hour is 24 times as much a day", () => {
    const hourly = rateStorageDay([{ bytes: gb(150), samples: 2 }], {
      price: { ...DEFAULT, billingUnit: "hour" },
      freeGb: FREE,
    });

    expect(hourly).toMatchObject({ unitPrice: 24n * DEFAULT.unitPrice, amount: 20_000n - 2n });
  });

  test.each([
    ["nothing is free", 0n, "10.000000"],
    ["a part of a GB is", 500_000n, "9.500000"],
    ["all is, to the last byte", 10_000_000n, "0.000000"],
  ])("where %s", (_, freeGb, billable) => {
    const rated = rateStorageDay([{ bytes: gb(30), samples: 3 }], { price: DEFAULT, freeGb });

    expect(formatDecimal(rated?.billableGb ?? -1n, 6)).toBe(billable);
  });

  test("without a price it is free, and states so", () => {
    expect(rateStorageDay([{ bytes: gb(80), samples: 1 }], { price: null, freeGb: FREE })).toMatchObject({
      unitPrice: null,
      amount: 0n,
      samples: 1,
    });
  });
});

/** Twenty-four hours or fewer divide this without a rest. */
const EVERY_COUNT = 5_354_228_880n;

test("any samples cost what the sum of fractions gives, rounded once", () => {
  const sample = fc.bigInt({ min: 0n, max: 2n ** 50n });
  const pool = fc.array(sample, { minLength: 1, maxLength: 24 });
  fc.assert(
    fc.property(
      fc.array(pool, { minLength: 1, maxLength: 6 }),
      fc.bigInt(0n, 10n ** 9n),
      (pools, unitPrice) => {
        const bytes = pools
          .map(
            (samples) => (samples.reduce((sum, one) => sum + one, 0n) * EVERY_COUNT) / BigInt(samples.length),
          )
          .reduce((sum, one) => sum + one, 0n);
        const beyond = bytes - gb(50) * EVERY_COUNT;
        const exact = (beyond < 0n ? 0n : beyond) * unitPrice;
        const unit = EVERY_COUNT * gb(1) * 100n;

        const rated = rateStorageDay(
          pools.map((samples) => ({
            bytes: samples.reduce((sum, one) => sum + one, 0n),
            samples: samples.length,
          })),
          { price: { unitPrice, billingUnit: "day" }, freeGb: FREE },
        );

        const amount = rated?.amount ?? -1n;
        expect(2n * exact - 2n * amount * unit).toBeGreaterThanOrEqual(-unit);
        expect(2n * exact - 2n * amount * unit).toBeLessThan(unit);
      },
    ),
  );
});
