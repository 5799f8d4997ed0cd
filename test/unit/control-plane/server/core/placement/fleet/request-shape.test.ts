import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import type { GpuCapacity, HostCapacity } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { obstaclesOn } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import {
  fitsNow,
  fittingInstances,
  requestShape,
  shapeKey,
} from "@remotegpu/control-plane/server/core/placement/fleet/request-shape";
import { anyFleet, anyRequest } from "../../../../../../support/placement/any-fleet.ts";
import {
  CLOSED,
  aGpu,
  aHost,
  aRequest,
  aSliceRequest,
  aWholeRequest,
  gpusOf,
} from "../../../../../../support/placement/fleet.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const NOW = 1_000;

function roomOn(host: Partial<HostCapacity>, request: Partial<PlacementRequest>): number {
  const state = new FleetState({ hosts: [aHost(host)] });
  const shape = requestShape(state, aRequest(request), NOW);
  const atMost = Number.MAX_SAFE_INTEGER;
  const room = fittingInstances(state, shape, { host: 0, atMost });
  expect(room > 0).toBe(fitsNow(state, shape, 0));
  return room;
}

const nothing = { cpuMilli: 0, memoryMib: 0, tempStorageMib: 0 };
const shared = (change: Partial<GpuCapacity>): Partial<HostCapacity> => ({
  gpus: [aGpu({ use: "shared", ...change })],
});

describe("how many instances a host takes", () => {
  test.each<[string, Partial<HostCapacity>, Partial<PlacementRequest>, number]>([
    ["CPU for just three", { freeCpuMilli: 3000 }, { ...nothing, cpuMilli: 1000 }, 3],
    ["CPU for one thousandth less", { freeCpuMilli: 2999 }, { ...nothing, cpuMilli: 1000 }, 2],
    ["CPU for none", { freeCpuMilli: 999 }, { ...nothing, cpuMilli: 1000 }, 0],
    ["memory for just two", { freeMemoryMib: 200 }, { ...nothing, memoryMib: 100 }, 2],
    ["disk for just two", { freeTempStorageMib: 299 }, { ...nothing, tempStorageMib: 100 }, 2],
    [
      "the least of all counts",
      { freeCpuMilli: 9, freeMemoryMib: 5 },
      { ...nothing, cpuMilli: 1, memoryMib: 2 },
      2,
    ],
    ["cards for just two pairs", { gpus: gpusOf("a", 4) }, { ...nothing, gpu: aWholeRequest(2) }, 2],
    ["cards for two pairs, and one", { gpus: gpusOf("a", 5) }, { ...nothing, gpu: aWholeRequest(2) }, 2],
    ["no cards", {}, { ...nothing, gpu: aWholeRequest(1) }, 0],
    ["closed cards", { gpus: gpusOf("a", 2, { closed: CLOSED }) }, { gpu: aWholeRequest(1) }, 0],
    ["a card that is cut", shared({}), { gpu: aWholeRequest(1) }, 0],
    [
      "share for just two slices",
      shared({ freeShareThousandths: 600 }),
      { ...nothing, gpu: aSliceRequest({ shareThousandths: 300 }) },
      2,
    ],
    [
      "a thousandth less",
      shared({ freeShareThousandths: 599 }),
      { ...nothing, gpu: aSliceRequest({ shareThousandths: 300 }) },
      1,
    ],
    [
      "GPU memory for just two slices",
      shared({ freeMemoryMib: 200 }),
      { ...nothing, gpu: aSliceRequest({ memoryMib: 100 }) },
      2,
    ],
    ["a MiB less", shared({ freeMemoryMib: 199 }), { ...nothing, gpu: aSliceRequest({ memoryMib: 100 }) }, 1],
    [
      "slices of nothing: one for each thousandth",
      shared({ freeShareThousandths: 7 }),
      { ...nothing, gpu: aSliceRequest({}) },
      7,
    ],
    [
      "slices on several cards",
      { gpus: gpusOf("a", 2) },
      { ...nothing, gpu: aSliceRequest({ memoryMib: 8192 }) },
      6,
    ],
    ["a host without a drill", { undrilled: { code: "host-undrilled", params: {} } }, nothing, 0],
    ["a closed host", { closed: CLOSED, gpus: gpusOf("a", 4) }, { gpu: aWholeRequest(1) }, 0],
  ])("%s", (_what, host, request, room) => {
    expect(roomOn(host, request)).toBe(room);
  });

  test("never more than one requests", () => {
    const state = new FleetState({ hosts: [aHost()] });

    expect(fittingInstances(state, requestShape(state, aRequest(), NOW), { host: 0, atMost: 3 })).toBe(3);
  });
});

describe("the key of a shape", () => {
  const alike: [string, Partial<PlacementRequest>][] = [
    ["the name", { id: "other" }],
    ["how many there are of it", { instances: 5, distinctHosts: true }],
    ["the labels' order", { labels: { b: "2", a: "1" } }],
    ["a skip that has passed", { skips: [{ storagePool: "p", reason: asReported(""), untilMs: NOW }] }],
    ["a skip's reason", { skips: [{ storagePool: "q", reason: asReported("other"), untilMs: NOW + 5 }] }],
  ];
  test.each(alike)("%s does not matter", (what, change) => {
    const labels = { a: "1", b: "2" };
    const skips =
      what === "a skip's reason" ? [{ storagePool: "q", reason: asReported(""), untilMs: NOW + 1 }] : [];
    const request = aRequest({ labels, skips });

    expect(shapeKey({ ...request, ...change }, NOW)).toBe(shapeKey(request, NOW));
  });

  test.each<Partial<PlacementRequest>>([
    { cpuMilli: 1001 },
    { memoryMib: 1025 },
    { tempStorageMib: 1 },
    { gpu: { kind: "none" } },
    { gpu: aWholeRequest(1) },
    { gpu: aWholeRequest(2, { leastMemoryMib: 1 }) },
    { gpu: aWholeRequest(2, { models: [] }) },
    { gpu: aWholeRequest(2, { models: ["any"] }) },
    { gpu: aSliceRequest({ memoryMib: 2 }) },
    { labels: { a: "1" } },
    { labels: { a: "2" } },
    { features: ["image-fetches"] },
    { image: "a" },
    { storagePool: "a" },
    { skips: [{ storagePool: "a", reason: asReported(""), untilMs: NOW + 1 }] },
    { skips: [{ hostId: "b", reason: asReported(""), untilMs: NOW + 1 }] },
  ])("%o does", (change) => {
    const skips = [{ storagePool: "b", reason: asReported(""), untilMs: NOW + 1 }];
    const request = aRequest({ gpu: aWholeRequest(2), skips });

    expect(shapeKey({ ...request, ...change }, NOW)).not.toBe(shapeKey(request, NOW));
  });
});

describe("what is taken of a card", () => {
  const gpus = [
    aGpu({ uuid: "1", index: 0, memoryMib: 10_000 }),
    aGpu({ uuid: "2", index: 1, memoryMib: 40_000 }),
    aGpu({ uuid: "3", index: 2, memoryMib: 80_000, model: "NVIDIA H100" }),
  ];
  const state = new FleetState({ hosts: [aHost({ gpus })] });
  const l4 = ["NVIDIA L4"];

  test.each<[GpuRequest, { shares: number[]; leastGpu: number; isEvenShare: boolean }]>([
    [{ kind: "none" }, { shares: [0, 0, 0], leastGpu: 0, isEvenShare: true }],
    [aWholeRequest(2), { shares: [1000, 1000, 1000], leastGpu: 2000, isEvenShare: true }],
    [
      aWholeRequest(1, { leastMemoryMib: 10_001 }),
      { shares: [0, 1000, 1000], leastGpu: 1000, isEvenShare: true },
    ],
    [aWholeRequest(3, { models: [] }), { shares: [0, 0, 0], leastGpu: 3000, isEvenShare: true }],
    [aSliceRequest({ memoryMib: 8_000 }), { shares: [800, 200, 100], leastGpu: 100, isEvenShare: false }],
    [
      aSliceRequest({ memoryMib: 8_000, models: l4 }),
      { shares: [800, 200, 0], leastGpu: 200, isEvenShare: false },
    ],
    [aSliceRequest({ shareThousandths: 300 }), { shares: [300, 300, 300], leastGpu: 300, isEvenShare: true }],
    [
      aSliceRequest({ memoryMib: 8_000, shareThousandths: 300 }),
      { shares: [800, 300, 300], leastGpu: 300, isEvenShare: false },
    ],
  ])("%o", (gpu, { shares, leastGpu, isEvenShare }) => {
    const shape = requestShape(state, aRequest({ gpu }), NOW);

    expect({
      shares: [...shape.shareOfKind],
      leastGpu: shape.leastGpu,
      isEvenShare: shape.isEvenShare,
    }).toEqual({
      shares,
      leastGpu,
      isEvenShare,
    });
  });
});

test("a host takes a request exactly when no obstacle is reported", () => {
  fc.assert(
    fc.property(anyFleet, anyRequest, (fleet, request) => {
      const state = new FleetState(fleet);
      const shape = requestShape(state, request, NOW);

      for (const [ordinal, host] of state.hosts.entries())
        expect(fitsNow(state, shape, ordinal)).toBe(obstaclesOn(host, request, NOW).length === 0);
    }),
    { numRuns: 300 },
  );
});
