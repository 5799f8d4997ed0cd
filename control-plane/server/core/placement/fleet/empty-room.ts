/**
 * How many instances of a request one host would take, were all of it free: what is on it, cordons and closed cards do
 * not count. What it takes now is fits-on.ts.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { gpuCount, isOfKind, sliceShare } from "./fits-on.ts";
import type { GpuRequest, PlacementRequest } from "./fits-on.ts";
import type { HostCapacity } from "./fleet.ts";

/** At most as many as the request has. */
export function emptyRoom(host: HostCapacity, request: PlacementRequest): number {
  if (Object.entries(request.labels).some(([label, wanted]) => host.labels[label] !== wanted)) return 0;
  return Math.min(
    request.distinctHosts ? 1 : request.instances,
    timesIn(host.totalCpuMilli, request.cpuMilli),
    timesIn(host.totalMemoryMib, request.memoryMib),
    timesIn(host.totalTempStorageMib, request.tempStorageMib),
    cardRoom(host, request.gpu),
  );
}

function cardRoom(host: HostCapacity, gpuRequest: GpuRequest): number {
  const cards = host.gpus.filter((gpu) => isOfKind(gpu, gpuRequest));
  if (gpuRequest.kind !== "slice") return timesIn(cards.length, gpuCount(gpuRequest));
  return cards.reduce((room, { memoryMib }) => room + slicesOf(memoryMib, gpuRequest), 0);
}

function slicesOf(cardMib: number, gpuRequest: Extract<GpuRequest, { kind: "slice" }>): number {
  return Math.min(
    timesIn(cardMib, gpuRequest.memoryMib),
    timesIn(THOUSANDTHS, sliceShare(gpuRequest, cardMib)),
  );
}

function timesIn(total: number, requested: number): number {
  return requested === 0 ? Infinity : Math.floor(total / requested);
}
