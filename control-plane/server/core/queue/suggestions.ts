/**
 * What would start a waiting order now: for each thing that it asks for the smallest change that does, and the work
 * whose end would make room. Asked of the room as it is when the order's turn comes, after all that stand before it.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { GpuRequest, PlacementRequest } from "../placement/fleet/fits-on.ts";
import type { FleetRoom, QueuedOrder } from "./fleet-room.ts";
import type { Waiting } from "./queue.ts";
import { roomAtTurn, type WaitingInputs } from "./turn.ts";
import { workToWaitFor } from "./work-to-wait-for.ts";

/** The value with which it would start, all else unchanged, in the units of a request. */
export type Suggestion =
  | { change: "cpu"; cpuMilli: number }
  | { change: "memory"; memoryMib: number }
  | { change: "temp-storage"; tempStorageMib: number }
  | { change: "gpu"; count: number }
  | { change: "gpu-memory"; memoryMib: number }
  | { change: "gpu-model"; model: string }
  | { change: "label"; without: string }
  | { change: "instances"; count: number }
  /** It may run no longer than that. */
  | { change: "limit"; seconds: number }
  /** Nothing, but that work has to end. */
  | { change: "wait"; workload: string; endsAtMs: number | null };

export interface Leeway {
  /** Models that the order could name instead, the most wanted first. */
  otherModels: readonly string[];
  /** Whether it is of a kind that may carry a time limit. */
  mayLimit: boolean;
}

/** None where it is held back for another reason than room. */
export function suggestions<Order extends Waiting & QueuedOrder>(
  scene: WaitingInputs<Order>,
  requesting: Order,
  leeway: Leeway,
): Suggestion[] {
  if (requesting.heldBack !== null) return [];
  const room = roomAtTurn(scene, requesting);
  const wait = workToWaitFor(scene, requesting, room);
  const startsWith = (request: PlacementRequest) => room.wouldStart({ ...requesting, request });
  return [
    ...sizeSuggestions(requesting.request, startsWith),
    ...gpuSuggestions(requesting.request, startsWith),
    ...modelSuggestion(requesting.request, leeway.otherModels, startsWith),
    ...labelSuggestions(requesting.request, startsWith),
    ...limitSuggestion(room, requesting, leeway),
    ...(wait === null ? [] : [wait]),
  ];
}

/** One change that alone would start it now, the end of other work only where there is no other; null where none would. */
export function firstSuggestion<Order extends Waiting & QueuedOrder>(
  scene: WaitingInputs<Order>,
  requesting: Order,
  leeway: Leeway,
): Suggestion | null {
  if (requesting.heldBack !== null) return null;
  const room = roomAtTurn(scene, requesting);
  const { request } = requesting;
  const startsWith = (changed: PlacementRequest) => room.wouldStart({ ...requesting, request: changed });
  if (startsWith(request)) return null;
  return (
    gpuSuggestions(request, startsWith)[0] ??
    sizeSuggestions(request, startsWith)[0] ??
    modelSuggestion(request, leeway.otherModels, startsWith)[0] ??
    labelSuggestions(request, startsWith)[0] ??
    limitSuggestion(room, requesting, leeway)[0] ??
    workToWaitFor(scene, requesting, room)
  );
}

type StartsWith = (request: PlacementRequest) => boolean;

function sizeSuggestions(request: PlacementRequest, startsWith: StartsWith): Suggestion[] {
  const cores = largest(request.cpuMilli / THOUSANDTHS, (cores) =>
    startsWith({ ...request, cpuMilli: cores * THOUSANDTHS }),
  );
  const memoryMib = largest(request.memoryMib, (memoryMib) => startsWith({ ...request, memoryMib }));
  const tempStorageMib = largest(request.tempStorageMib, (tempStorageMib) =>
    startsWith({ ...request, tempStorageMib }),
  );
  const instances = largest(request.instances, (instances) => startsWith({ ...request, instances }));
  return [
    ...(cores === null ? [] : [{ change: "cpu", cpuMilli: cores * THOUSANDTHS } as const]),
    ...(memoryMib === null ? [] : [{ change: "memory", memoryMib } as const]),
    ...(tempStorageMib === null ? [] : [{ change: "temp-storage", tempStorageMib } as const]),
    ...(instances === null ? [] : [{ change: "instances", count: instances } as const]),
  ];
}

/** Fewer cards, or less memory of each. */
function gpuSuggestions(request: PlacementRequest, startsWith: StartsWith): Suggestion[] {
  const gpuRequest = request.gpu;
  const withGpu = (gpu: GpuRequest) => startsWith({ ...request, gpu });
  switch (gpuRequest.kind) {
    case "none":
      return [];
    case "whole": {
      const count = largest(gpuRequest.count, (count) => withGpu({ ...gpuRequest, count }));
      const memoryMib = largest(gpuRequest.leastMemoryMib, (least) =>
        withGpu({ ...gpuRequest, leastMemoryMib: least }),
      );
      return [
        ...(count === null ? [] : [{ change: "gpu", count } as const]),
        ...(memoryMib === null ? [] : [{ change: "gpu-memory", memoryMib } as const]),
      ];
    }
    case "slice": {
      const memoryMib = largest(gpuRequest.memoryMib, (memoryMib) => withGpu({ ...gpuRequest, memoryMib }));
      return memoryMib === null ? [] : [{ change: "gpu-memory", memoryMib }];
    }
  }
}

function modelSuggestion(
  request: PlacementRequest,
  otherModels: readonly string[],
  startsWith: StartsWith,
): Suggestion[] {
  const { gpu } = request;
  if (gpu.kind === "none") return [];
  const model = otherModels.find((model) => startsWith({ ...request, gpu: { ...gpu, models: [model] } }));
  return model === undefined ? [] : [{ change: "gpu-model", model }];
}

function labelSuggestions(request: PlacementRequest, startsWith: StartsWith): Suggestion[] {
  const entries = Object.entries(request.labels);
  return entries
    .filter(([without]) =>
      startsWith({ ...request, labels: Object.fromEntries(entries.filter(([label]) => label !== without)) }),
    )
    .map(([without]) => ({ change: "label", without }));
}

/** The longest time within which it cannot delay whoever is ahead. */
function limitSuggestion(room: FleetRoom, requesting: QueuedOrder, { mayLimit }: Leeway): Suggestion[] {
  const seconds = room.longestBeside(requesting);
  return mayLimit && seconds !== null ? [{ change: "limit", seconds }] : [];
}

/** The largest whole number from 1 to below `asked` for which it holds, where it holds for all smaller ones too. */
function largest(requested: number, holds: (value: number) => boolean): number | null {
  let low = 0;
  let high = Math.ceil(requested) - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? null : low;
}
