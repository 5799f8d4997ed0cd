import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { HostCapacity } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import {
  obstaclesOn,
  type PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import {
  type Impossibility,
  impossibility,
} from "@remotegpu/control-plane/server/core/placement/impossibility";
import { CLOSED, aHost, aRequest, gpusOf } from "../../../../../support/placement/fleet.ts";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const small = aHost({
  id: "small",
  totalCpuMilli: 64_000,
  totalMemoryMib: 1024,
  totalTempStorageMib: 10,
  labels: { rack: "r1" },
});
const large = aHost({
  id: "large",
  totalCpuMilli: 32_000,
  totalMemoryMib: 4096,
  totalTempStorageMib: 20,
  gpus: [
    ...gpusOf("large", 3, { model: "L4", memoryMib: 24_576 }),
    ...gpusOf("large-a", 1, { model: "A100", memoryMib: 81_920 }),
  ],
});
const FLEET = { hosts: [small, large] };

const whole = (count: number, leastMemoryMib = 0, models: string[] | null = null) =>
  ({ kind: "whole", count, leastMemoryMib, models }) as const;
const slice = (memoryMib: number, models: string[] | null = null) =>
  ({ kind: "slice", memoryMib, shareThousandths: 0, models }) as const;

test.each<[Partial<PlacementRequest>, Impossibility["field"], string]>([
  [{ cpuMilli: 64_001 }, "cpu", "asked for 64.001 CPU cores, and the most that any host has is 64 CPU cores"],
  [
    { memoryMib: 4097 },
    "memory",
    "asked for 4097 MiB of memory, and the most that any host has is 4096 MiB of memory",
  ],
  [
    { tempStorageMib: 21 },
    "temp_storage",
    "asked for 21 MiB of temporary storage, and the most that any host has is 20 MiB of temporary storage",
  ],
  [{ gpu: whole(5) }, "gpu", "asked for 5 × GPU, and the most that any host with GPU has is 4 × GPU"],
  [{ gpu: whole(1, 0, ["H100"]) }, "config.gpu_model", "asked for H100, and no host has one"],
  [{ gpu: whole(4, 0, ["L4"]) }, "gpu", "asked for 4 × L4, and the most that any host with L4 has is 3 × L4"],
  [
    { gpu: whole(1, 24_577, ["L4"]) },
    "gpu_memory",
    "asked for 24577 MiB on each L4, and the most that any host with L4 has is 24576 MiB on each L4",
  ],
  [
    { gpu: slice(81_921) },
    "gpu_memory",
    "asked for 81921 MiB on each GPU, and the most that any host with GPU has is 81920 MiB on each GPU",
  ],
  [
    { gpu: whole(2, 81_920) },
    "gpu",
    "asked for 2 × GPU with 81920 MiB, and the most that any host with GPU has is 1 × GPU with 81920 MiB",
  ],
  [
    { labels: { rack: "r9" } },
    "config.host_labels",
    "asked for a host with the label rack=r9, and no host has it",
  ],
  [
    { labels: { rack: "r1" }, gpu: whole(1) },
    "gpu",
    "asked for a GPU, and no host with the label rack=r1 has one",
  ],
  // Each by itself is on some host, together they are on none.
  [
    { cpuMilli: 64_000, memoryMib: 4096 },
    "memory",
    "asked for 4096 MiB of memory, and the most that any host with 64 CPU cores has is 1024 MiB of memory",
  ],
  [
    { storagePool: "pool-small", memoryMib: 4096 },
    "memory",
    "asked for 4096 MiB of memory, and the most that any host of storage pool pool-small has is 1024 MiB of memory",
  ],
  [
    { instances: 4, cpuMilli: 32_000, memoryMib: 1024 },
    "node_count",
    "asked for 4 instances, and 2 would fit were the fleet empty",
  ],
  [
    { instances: 3, distinctHosts: true },
    "node_count",
    "asked for 3 instances, each on a host of its own, and 2 would fit were the fleet empty",
  ],
  [{ instances: 10_000 }, "node_count", "asked for 10000 instances, and 5 would fit were the fleet empty"],
])("%j is refused for its %s", (change, field, sentence) => {
  const found = impossibility(FLEET, aRequest(change));

  expect(found && [found.field, inEnglish(found.reason)]).toEqual([field, sentence]);
});

test.each<[string, HostCapacity[], Partial<PlacementRequest>]>([
  [
    "all that the largest host has",
    [small, large],
    { cpuMilli: 64_000, memoryMib: 1024, tempStorageMib: 10 },
  ],
  ["all the cards of a kind", [small, large], { gpu: whole(3, 0, ["L4"]) }],
  ["a slice as large as a card", [small, large], { gpu: slice(81_920) }],
  ["as many instances as fit over the hosts", [small, large], { instances: 5 }],
  ["a fleet that no host has joined yet", [], { cpuMilli: 1e9 }],
  ["a storage pool all of whose hosts are away", [small], { storagePool: "gone", cpuMilli: 1e9 }],
  ["a host that is closed", [{ ...small, closed: CLOSED }], { cpuMilli: 64_000 }],
  ["a host that is full", [{ ...small, freeCpuMilli: 0, freeMemoryMib: 0 }], { cpuMilli: 64_000 }],
  [
    "cards that are cordoned or held",
    [{ ...large, gpus: large.gpus.map((gpu) => ({ ...gpu, closed: CLOSED, use: "exclusive" })) }],
    { gpu: whole(4) },
  ],
  [
    "a pool that is skipped for a while",
    [small],
    { skips: [{ storagePool: "pool-small", reason: asReported("no mount"), untilMs: 1e15 }] },
  ],
])("%s makes nothing impossible", (_name, hosts, change) => {
  expect(impossibility({ hosts }, aRequest(change))).toBeNull();
});

const anAmount = fc.integer({ min: 0, max: 3 });
const aModel = fc.constantFrom("L4", "A100");
const models = fc.option(fc.uniqueArray(aModel, { minLength: 1, maxLength: 2 }), { nil: null });
const anEmptyHost = fc
  .record({
    totalCpuMilli: anAmount,
    totalMemoryMib: anAmount,
    totalTempStorageMib: anAmount,
    rack: fc.constantFrom("r1", "r2"),
    cards: fc.array(fc.record({ model: aModel, memoryMib: anAmount }), { maxLength: 3 }),
  })
  .map(({ rack, cards, ...totals }) =>
    aHost({
      ...totals,
      freeCpuMilli: totals.totalCpuMilli,
      freeMemoryMib: totals.totalMemoryMib,
      freeTempStorageMib: totals.totalTempStorageMib,
      labels: { rack },
      gpus: cards.flatMap((card, index) => gpusOf(`card-${index}`, 1, card)),
    }),
  );
const aRandomRequest = fc.record({
  cpuMilli: anAmount,
  memoryMib: anAmount,
  tempStorageMib: anAmount,
  labels: fc.constantFrom({}, { rack: "r1" }),
  gpu: fc.oneof(
    fc.constant({ kind: "none" } as const),
    fc.record({
      kind: fc.constant("whole" as const),
      count: fc.integer({ min: 1, max: 3 }),
      leastMemoryMib: anAmount,
      models,
    }),
    fc.record({
      kind: fc.constant("slice" as const),
      memoryMib: fc.integer({ min: 1, max: 3 }),
      shareThousandths: fc.constantFrom(0, 500),
      models,
    }),
  ),
});

test("one instance is impossible exactly where every host of the empty fleet has an obstacle", () => {
  fc.assert(
    fc.property(
      fc.array(anEmptyHost, { minLength: 1, maxLength: 3 }),
      aRandomRequest,
      (hosts, requestedGpu) => {
        const request = aRequest(requestedGpu);
        const fits = hosts.some((host) => obstaclesOn(host, request, 0).length === 0);

        expect(impossibility({ hosts }, request) === null).toBe(fits);
      },
    ),
  );
});
