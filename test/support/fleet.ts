/** Hosts, GPUs and requests for tests of placement: whole ones by default, changed where the test cares. */
import type { GpuCapacity, HostCapacity } from "@remotegpu/control-plane/core/placement/fleet";
import type { PlacementRequest } from "@remotegpu/control-plane/core/placement/fits-on";

export function aGpu(change: Partial<GpuCapacity> = {}): GpuCapacity {
  const memoryMib = change.memoryMib ?? 24_576;
  return {
    uuid: "GPU-00000000-a",
    index: 0,
    model: "NVIDIA L4",
    memoryMib,
    island: null,
    closed: null,
    use: "idle",
    freeShareThousandths: 1000,
    freeMemoryMib: memoryMib,
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
    image: null,
    storagePool: null,
    skips: [],
    ...change,
  };
}
