/** Hosts, GPUs and requests for tests of placement: whole ones by default, changed where the test cares. */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type {
  GpuCapacity,
  GpuUse,
  HostCapacity,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import type { Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import type { CountedShape } from "@remotegpu/control-plane/server/core/placement/scoring/typical-shapes";

/** Why a host or a card takes nothing new, where it does not matter. */
export const CLOSED = { code: "host-cordoned", params: {} } as const satisfies Reason;

/** What is left of a card, in parts of it; a shared one has given one half. */
const LEFT: Record<GpuUse, number> = { idle: 1, exclusive: 0, shared: 0.5 };

export function aGpu(change: Partial<GpuCapacity> = {}): GpuCapacity {
  const memoryMib = change.memoryMib ?? 24_576;
  const left = LEFT[change.use ?? "idle"];
  return {
    uuid: "GPU-00000000-a",
    index: 0,
    model: "NVIDIA L4",
    memoryMib,
    island: null,
    closed: null,
    use: "idle",
    freeShareThousandths: THOUSANDTHS * left,
    freeMemoryMib: Math.floor(memoryMib * left),
    ...change,
  };
}

export function aHost(change: Partial<HostCapacity> = {}): HostCapacity {
  const id = change.id ?? "host-a";
  return {
    id,
    name: id,
    storagePool: `pool-${id}`,
    closed: null,
    labels: {},
    images: [],
    features: [],
    totalCpuMilli: change.freeCpuMilli ?? 16_000,
    totalMemoryMib: change.freeMemoryMib ?? 65_536,
    totalTempStorageMib: change.freeTempStorageMib ?? 100_000,
    freeCpuMilli: 16_000,
    freeMemoryMib: 65_536,
    freeTempStorageMib: 100_000,
    gpus: [],
    ...change,
  };
}

/** `count` idle cards whose UUIDs tell the host and the index. */
export function gpusOf(hostId: string, count: number, change: Partial<GpuCapacity> = {}): GpuCapacity[] {
  return Array.from({ length: count }, (_, index) =>
    aGpu({ uuid: `GPU-${hostId}-${index}`, index, ...change }),
  );
}

export function aRequest(change: Partial<PlacementRequest> = {}): PlacementRequest {
  return {
    id: "ins-1",
    instances: 1,
    distinctHosts: false,
    cpuMilli: 1000,
    memoryMib: 1024,
    tempStorageMib: 0,
    gpu: { kind: "none" },
    labels: {},
    features: [],
    image: null,
    storagePool: null,
    skips: [],
    apart: [],
    ...change,
  };
}

export function aWholeRequest(
  count: number,
  change: Partial<Extract<GpuRequest, { kind: "whole" }>> = {},
): GpuRequest {
  return { kind: "whole", count, leastMemoryMib: 0, models: null, ...change };
}

export function aSliceRequest(change: Partial<Extract<GpuRequest, { kind: "slice" }>>): GpuRequest {
  return { kind: "slice", memoryMib: 0, shareThousandths: 0, models: null, ...change };
}

/** An order of one whole card, with no CPU to speak of. */
export function aCountedShape(change: Partial<CountedShape> = {}): CountedShape {
  return {
    cpuMilli: 1,
    gpuCount: 1,
    shareThousandths: THOUSANDTHS,
    models: null,
    leastMemoryMib: 0,
    count: 1,
    totalMemoryMib: 0,
    ...change,
  };
}
