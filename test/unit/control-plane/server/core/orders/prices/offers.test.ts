import { describe, expect, test } from "vitest";
import {
  barePrices,
  cardOffers,
  cardPrices,
  largestRoom,
} from "@remotegpu/control-plane/server/core/orders/prices/offers";
import type { SpecPrices, SpecShape } from "@remotegpu/control-plane/server/core/orders/prices/price-lines";
import { parsePrice, parsePoints } from "@remotegpu/shared/values/money";
import { GIB } from "@remotegpu/shared/values/units";
import { CLOSED, aGpu, aHost, gpusOf } from "../../../../../../support/placement/fleet.ts";

const NONE = new Set<string>();

describe("cards", () => {
  test("what is free is idle, not closed, and on a host that takes orders", () => {
    const gpus = [
      aGpu({ uuid: "a-0", index: 0 }),
      aGpu({ uuid: "a-1", index: 1, use: "exclusive" }),
      aGpu({ uuid: "a-2", index: 2, use: "shared" }),
      aGpu({ uuid: "a-3", index: 3, closed: CLOSED }),
    ];
    const closed = aHost({ id: "host-b", closed: CLOSED, gpus: gpusOf("host-b", 2) });

    const offers = cardOffers({ hosts: [aHost({ gpus }), closed] }, NONE);

    expect(offers).toEqual([
      {
        model: "NVIDIA L4",
        memoryMib: 24_576,
        isSimulated: false,
        total: 6,
        free: 1,
        mostOnOneHost: 1,
        beside: { cpuMilli: 16_000, memoryMib: 65_536 },
      },
    ]);
  });

  test("beside the most on one host is what the roomiest of such hosts has free", () => {
    const host = (id: string, count: number, freeCpuMilli: number) =>
      aHost({ id, freeCpuMilli, gpus: gpusOf(id, count) });

    const hosts = [host("a", 2, 4_000), host("b", 2, 8_000), host("c", 1, 64_000), host("d", 2, 6_000)];

    expect(cardOffers({ hosts }, NONE)).toMatchObject([
      { total: 7, free: 7, mostOnOneHost: 2, beside: { cpuMilli: 8_000 } },
    ]);
    expect(cardOffers({ hosts: hosts.toReversed() }, NONE)).toEqual(cardOffers({ hosts }, NONE));
  });

  test.each([
    ["no core", { freeCpuMilli: 999 }],
    ["no memory", { freeMemoryMib: 15 }],
  ])("one with %s beside it is free for nobody", (_what, change) => {
    const hosts = [aHost({ ...change, gpus: gpusOf("host-a", 1) })];

    expect(cardOffers({ hosts }, NONE)).toMatchObject([
      { total: 1, free: 0, mostOnOneHost: 0, beside: null },
    ]);
  });

  test("kinds are distinguished by model, memory and whether they are simulated", () => {
    const gpus = [
      aGpu({ uuid: "real", index: 0 }),
      aGpu({ uuid: "play", index: 1 }),
      aGpu({ uuid: "large", index: 2, memoryMib: 49_152 }),
      aGpu({ uuid: "other", index: 3, model: "NVIDIA A10" }),
    ];

    const offers = cardOffers({ hosts: [aHost({ gpus })] }, new Set(["play"]));

    expect(offers.map(({ model, memoryMib, isSimulated }) => [model, memoryMib, isSimulated])).toEqual([
      ["NVIDIA A10", 24_576, false],
      ["NVIDIA L4", 24_576, false],
      ["NVIDIA L4", 24_576, true],
      ["NVIDIA L4", 49_152, false],
    ]);
  });

  test("an empty fleet offers nothing", () => {
    expect(cardOffers({ hosts: [] }, NONE)).toEqual([]);
    expect(largestRoom({ hosts: [] })).toBeNull();
  });
});

test("the largest place without a GPU is on the open host with the most cores, then the most memory", () => {
  const hosts = [
    aHost({ id: "a", freeCpuMilli: 8_000, freeMemoryMib: 1_024 }),
    aHost({ id: "b", freeCpuMilli: 8_000, freeMemoryMib: 2_048 }),
    aHost({ id: "c", freeCpuMilli: 4_000, freeMemoryMib: 65_536 }),
    aHost({ id: "d", freeCpuMilli: 64_000, closed: CLOSED }),
  ];

  expect(largestRoom({ hosts })).toEqual({ cpuMilli: 8_000, memoryMib: 2_048 });
});

describe("prices", () => {
  const shape = (change: Partial<SpecShape> = {}): SpecShape => ({
    cpuMilli: 8_000,
    memoryBytes: 64 * GIB,
    gpus: 1,
    gpuModel: null,
    gpuMemoryBytes: null,
    tempStorageBytes: 0,
    ...change,
  });
  const sold = (spec: string, lines: Record<string, string>, of: SpecShape | null = null): SpecPrices => ({
    spec,
    shape: of,
    prices: Object.entries(lines).map(([line, price]) => ({
      line,
      unitPrice: parsePrice(price),
      billingUnit: "hour",
    })),
  });
  const CATALOGUE = [
    sold("parts", { cpu: "0.1", memory: "0.01", gpu: "2", "gpu:NVIDIA L4": "1.5" }),
    sold("anyCard", { spec: "4" }, shape()),
    sold("onlyA100", { spec: "9" }, shape({ gpuModel: "NVIDIA A100" })),
    sold("bare", { spec: "0.5" }, shape({ gpus: 0 })),
    sold("shapeless", { spec: "7" }),
    sold("cores", { cpu: "0.2" }),
  ];
  const reported = (prices: ReturnType<typeof cardPrices>) =>
    prices.map(({ spec, of, hourly }) => [spec, of, hourly]);

  test("of a card are its model's or the general one, and of specs that include it", () => {
    expect(reported(cardPrices(CATALOGUE, "NVIDIA L4"))).toEqual([
      ["parts", "gpu", parsePoints("1.5")],
      ["anyCard", "spec", parsePoints("4")],
    ]);
    expect(reported(cardPrices(CATALOGUE, "NVIDIA A100"))).toEqual([
      ["parts", "gpu", parsePoints("2")],
      ["anyCard", "spec", parsePoints("4")],
      ["onlyA100", "spec", parsePoints("9")],
    ]);
  });

  test("that are retired are not offered, nor a whole by its parts", () => {
    const retired = CATALOGUE.map((one) => ({
      ...one,
      prices: one.prices.map((price) => ({ ...price, isRetired: price.line !== "cpu" })),
    }));

    expect(cardPrices(retired, "NVIDIA L4")).toEqual([]);
    expect(reported(barePrices(retired))).toEqual([
      ["parts", "cpu", parsePoints("0.1")],
      ["cores", "cpu", parsePoints("0.2")],
    ]);
  });

  test("without a GPU are those of cores and memory, and of specs without a card", () => {
    expect(reported(barePrices(CATALOGUE))).toEqual([
      ["parts", "cpu", parsePoints("0.1")],
      ["parts", "memory", parsePoints("0.01")],
      ["bare", "spec", parsePoints("0.5")],
      ["cores", "cpu", parsePoints("0.2")],
    ]);
  });

  test("by the minute are listed by the hour", () => {
    const spec = { spec: "s", shape: null, prices: [] };
    const prices = [{ line: "gpu", unitPrice: parsePrice("0.05"), billingUnit: "minute" as const }];

    expect(reported(cardPrices([{ ...spec, prices }], "any"))).toEqual([["s", "gpu", parsePoints("3")]]);
  });
});
