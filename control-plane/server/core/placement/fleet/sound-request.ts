/**
 * What a request may ask for. Orders are checked long before; a number that cannot be would corrupt what is free of the
 * whole fleet, so it is an error of ours and stops whatever is being placed.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { GpuRequest, PlacementRequest } from "./fits-on.ts";

export class UnsoundRequestError extends Error {
  override name = "UnsoundRequestError";
}

/** @throws UnsoundRequestError naming the request and the number that cannot be */
export function assertSoundRequest(request: PlacementRequest): void {
  const whose = `of request ${request.id}`;
  soundAmount(request.instances, `number of instances ${whose}`, { least: 1 });
  soundAmount(request.cpuMilli, `CPU thousandths ${whose}`);
  soundAmount(request.memoryMib, `memory ${whose}`);
  soundAmount(request.tempStorageMib, `disk ${whose}`);
  assertSoundGpuRequest(request.gpu, whose);
}

function assertSoundGpuRequest(gpuRequest: GpuRequest, whose: string): void {
  switch (gpuRequest.kind) {
    case "none":
      return;
    case "whole":
      soundAmount(gpuRequest.count, `number of GPUs ${whose}`, { least: 1 });
      soundAmount(gpuRequest.leastMemoryMib, `least GPU memory ${whose}`);
      return;
    case "slice":
      soundAmount(gpuRequest.memoryMib, `GPU memory ${whose}`);
      soundAmount(gpuRequest.shareThousandths, `GPU share ${whose}`, { most: THOUSANDTHS });
  }
}

function soundAmount(
  amount: number,
  what: string,
  { least = 0, most = Number.MAX_SAFE_INTEGER }: { least?: number; most?: number } = {},
): void {
  if (!Number.isSafeInteger(amount) || amount < least || amount > most)
    throw new UnsoundRequestError(`${what} is ${amount}`);
}
