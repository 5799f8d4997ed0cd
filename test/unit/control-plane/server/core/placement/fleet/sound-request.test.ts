import { expect, test } from "vitest";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import {
  assertSoundRequest,
  UnsoundRequestError,
} from "@remotegpu/control-plane/server/core/placement/fleet/sound-request";
import { aRequest, aSliceRequest, aWholeRequest } from "../../../../../../support/placement/fleet.ts";

test.each<[string, Partial<PlacementRequest>]>([
  ["nothing but a place", { cpuMilli: 0, memoryMib: 0, tempStorageMib: 0 }],
  ["a thousand instances", { instances: 1000 }],
  ["one whole GPU of any size", { gpu: aWholeRequest(1) }],
  ["a slice of all of a GPU", { gpu: aSliceRequest({ shareThousandths: 1000 }) }],
  ["the largest number that is whole", { memoryMib: Number.MAX_SAFE_INTEGER }],
])("%s may be requested", (_what, change) => {
  expect(() => assertSoundRequest(aRequest(change))).not.toThrow();
});

const gpu = (requestedGpu: GpuRequest): Partial<PlacementRequest> => ({ gpu: requestedGpu });

test.each<[Partial<PlacementRequest>, string]>([
  [{ instances: 0 }, "number of instances of request ins-1 is 0"],
  [{ instances: -1 }, "number of instances of request ins-1 is -1"],
  [{ instances: 1.5 }, "number of instances of request ins-1 is 1.5"],
  [{ instances: Number.NaN }, "number of instances of request ins-1 is NaN"],
  [{ instances: Infinity }, "number of instances of request ins-1 is Infinity"],
  [{ cpuMilli: -1 }, "CPU thousandths of request ins-1 is -1"],
  [{ cpuMilli: Number.NaN }, "CPU thousandths of request ins-1 is NaN"],
  [{ memoryMib: 0.5 }, "memory of request ins-1 is 0.5"],
  [{ memoryMib: 2 ** 53 }, "memory of request ins-1 is 9007199254740992"],
  [{ tempStorageMib: -1 }, "disk of request ins-1 is -1"],
  [gpu(aWholeRequest(0)), "number of GPUs of request ins-1 is 0"],
  [gpu(aWholeRequest(-8)), "number of GPUs of request ins-1 is -8"],
  [gpu(aWholeRequest(Number.NaN)), "number of GPUs of request ins-1 is NaN"],
  [gpu(aWholeRequest(1, { leastMemoryMib: -1 })), "least GPU memory of request ins-1 is -1"],
  [gpu(aSliceRequest({ memoryMib: -1 })), "GPU memory of request ins-1 is -1"],
  [gpu(aSliceRequest({ memoryMib: Number.NaN })), "GPU memory of request ins-1 is NaN"],
  [gpu(aSliceRequest({ shareThousandths: -1 })), "GPU share of request ins-1 is -1"],
  [gpu(aSliceRequest({ shareThousandths: 1001 })), "GPU share of request ins-1 is 1001"],
])("%o is refused", (change, message) => {
  expect(() => assertSoundRequest(aRequest(change))).toThrow(new UnsoundRequestError(message));
});
