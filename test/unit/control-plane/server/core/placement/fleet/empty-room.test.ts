import { expect, test } from "vitest";
import { emptyRoom } from "@remotegpu/control-plane/server/core/placement/fleet/empty-room";
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { CLOSED, aHost, aRequest, gpusOf } from "../../../../../../support/placement/fleet.ts";

const host = aHost({
  freeCpuMilli: 0,
  freeMemoryMib: 0,
  freeTempStorageMib: 0,
  totalCpuMilli: 8000,
  totalMemoryMib: 8192,
  totalTempStorageMib: 1000,
  closed: CLOSED,
  labels: { rack: "r1" },
  gpus: gpusOf("host-a", 5, { memoryMib: 1000, use: "exclusive", closed: CLOSED }),
});

const whole = (count: number, leastMemoryMib = 0) =>
  ({ kind: "whole", count, leastMemoryMib, models: null }) as const;
const slice = (memoryMib: number, shareThousandths = 0) =>
  ({ kind: "slice", memoryMib, shareThousandths, models: null }) as const;

test.each<[string, Partial<PlacementRequest>, number]>([
  ["as many as the CPU gives", { cpuMilli: 2000 }, 4],
  ["one fewer where the last lacks a thousandth", { cpuMilli: 2001 }, 3],
  ["as many as the memory gives", { memoryMib: 4096 }, 2],
  ["as many as the disk gives", { tempStorageMib: 1000 }, 1],
  ["none that asks for more than all", { memoryMib: 8193 }, 0],
  ["whole cards in pairs", { gpu: whole(2) }, 2],
  ["no card that is too small", { gpu: whole(1, 1001) }, 0],
  ["slices on each card", { cpuMilli: 1, memoryMib: 1, gpu: slice(500) }, 10],
  ["slices that leave a rest on each card", { cpuMilli: 1, memoryMib: 1, gpu: slice(334) }, 10],
  ["slices by their share", { cpuMilli: 1, memoryMib: 1, gpu: slice(100, 400) }, 10],
  ["no more than asked", { instances: 3, cpuMilli: 1 }, 3],
  ["one where each has a host of its own", { distinctHosts: true }, 1],
  ["the label that it has", { labels: { rack: "r1" }, cpuMilli: 8000 }, 1],
  ["not another label", { labels: { rack: "r2" } }, 0],
])("%s", (_name, change, expected) => {
  expect(emptyRoom(host, aRequest({ instances: 100, cpuMilli: 100, memoryMib: 100, ...change }))).toBe(
    expected,
  );
});
