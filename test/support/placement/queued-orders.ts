/** Waiting orders and running work for tests of the queue over a fleet. */
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import type { PlacementOptions } from "@remotegpu/control-plane/server/core/placement/placer";
import type { QueuedOrder } from "@remotegpu/control-plane/server/core/queue/fleet-room";
import type { Waiting } from "@remotegpu/control-plane/server/core/queue/queue";
import type { Amounts } from "@remotegpu/control-plane/server/core/queue/share";
import type { NamedWork } from "@remotegpu/control-plane/server/core/queue/turn";
import { aRequest } from "./fleet.ts";

export const NOW = 1_000_000_000;
export const OPTIONS: PlacementOptions = { policy: "best-fit", seed: 1, now: NOW };

export type TestOrder = Waiting & QueuedOrder;

/** Nobody had anything, and nobody's place is kept. */
export const NO_SHARERS = { payers: new Map(), workspaces: new Map(), head: null };

/** `age`: seconds that it has waited. One payer and workspace for all, so that age decides. */
export function anOrder(
  id: string,
  request: Partial<PlacementRequest> = {},
  change: Partial<Omit<TestOrder, "request">> & { age?: number } = {},
): TestOrder {
  const { age = 0, ...rest } = change;
  const requested = aRequest({ id, ...request });
  return {
    id,
    request: requested,
    limitSeconds: null,
    heldBack: null,
    payer: "p",
    workspace: "w",
    orderedAtMs: NOW - age * 1000,
    demand: demandOf(requested),
    priority: 0,
    ...rest,
  };
}

/** As waitingOrder has it. */
export function demandOf({ instances, cpuMilli, memoryMib, gpu }: PlacementRequest): Amounts {
  const gpus = gpu.kind === "whole" ? gpu.count : Number(gpu.kind === "slice");
  return {
    cpuMilli: instances * cpuMilli,
    memoryMib: instances * memoryMib,
    gpuThousandths: instances * gpus * 1000,
  };
}

/** Whole cards of a host; `endsIn` in seconds, null where it promised nothing. */
export function work(
  workload: string,
  {
    hostId,
    cards = [],
    endsIn = null,
    cpuMilli = 0,
  }: {
    hostId: string;
    cards?: string[];
    endsIn?: number | null;
    cpuMilli?: number;
  },
): NamedWork {
  return {
    workload,
    hostId,
    cpuMilli,
    memoryMib: 0,
    tempStorageMib: 0,
    gpus: cards.map((uuid) => ({ uuid, memoryMib: null, shareThousandths: 1000 })),
    endsAtMs: endsIn === null ? null : NOW + endsIn * 1000,
  };
}
