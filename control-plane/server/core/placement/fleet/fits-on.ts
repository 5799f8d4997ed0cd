/**
 * What keeps one request off one host: every constraint that fails, as a reason with the numbers.
 * An empty answer means that the host takes the request. Choosing among hosts is placement's.
 */
import { whatLacks } from "@remotegpu/shared/instance/features";
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { Reason } from "../../reasons/reason.ts";
import { hasNoOtherPayer } from "./fleet-state.ts";
import { wantedGpus } from "./gpu-request.ts";
import { type GpuCapacity, type HostCapacity, type HostPair, mayLandUndrilled } from "./fleet.ts";

/** Whole cards, or one slice of a card that several instances share. `models`: the ones allowed, null for any. */
export type GpuRequest =
  | { kind: "none" }
  | { kind: "whole"; count: number; leastMemoryMib: number; models: readonly string[] | null }
  | {
      kind: "slice";
      memoryMib: number;
      /** At least this part of the card; its memory's part where that is more. */
      shareThousandths: number;
      models: readonly string[] | null;
    };

interface PoolSkip {
  storagePool: string;
  reason: Reason;
  untilMs: number;
}

/** Where an attempt failed of what it stood on. */
interface HostSkip {
  hostId: string;
  reason: Reason;
  untilMs: number;
}

interface HostsApart {
  /** In the order of their ids. */
  hosts: HostPair;
  /** For people. */
  names: string;
}

/** Of a workload whose instances start one by one: it rather goes where fewer of the others are. */
export interface Spread {
  /** Names the workload among those of one pass. */
  over: string;
  /** By the ids of the hosts: how many of it are there. */
  held: ReadonlyMap<string, number>;
}

export interface PlacementRequest {
  id: string;
  /** Placed all or none; everything below is asked for each of them. */
  instances: number;
  /** No two of them on one host. */
  distinctHosts: boolean;
  cpuMilli: number;
  memoryMib: number;
  tempStorageMib: number;
  gpu: GpuRequest;
  /** Labels that the host must carry, with these values. */
  labels: Readonly<Record<string, string>>;
  /** What the host's agent must be able to do beyond the protocol's first form. */
  features: readonly string[];
  /** A host that has it already is preferred; null where it does not matter. */
  image: string | null;
  /** The pool that holds the workload's files; null before its first start. */
  storagePool: string | null;
  skips: (PoolSkip | HostSkip)[];
  /** Hosts that no gang is placed on together; nothing to a single instance. */
  apart: readonly HostsApart[];
  /** Hosts, with their names, that others do not find: a gang is on one of them alone, or on none. */
  alone?: ReadonlyMap<string, string>;
  /** Only of a single instance; left out where it does not matter. */
  spread?: Spread;
  /** Who pays; left out where every host is shared by whoever comes. */
  payer?: number;
}

/** All constraints of `host` that `request` fails at the time `now` (ms), in a fixed order. */
export function obstaclesOn(host: HostCapacity, request: PlacementRequest, now: number): Reason[] {
  return [
    ...poolObstacles(host, request, now),
    ...payerObstacles(host, request),
    ...labelObstacles(host, request),
    ...agentObstacles(host, request),
    ...capacityObstacles(host, request),
    ...gpuObstacles(host, request.gpu),
  ];
}

function poolObstacles(host: HostCapacity, request: PlacementRequest, now: number): Reason[] {
  const obstacles: Reason[] = [];
  if (host.closed !== null) obstacles.push(host.closed);
  if (host.undrilled !== undefined && !mayLandUndrilled(request)) obstacles.push(host.undrilled);
  if (request.storagePool !== null && request.storagePool !== host.storagePool)
    obstacles.push({
      code: "other-storage-pool",
      params: { wanted_storage_pool: request.storagePool, host_storage_pool: host.storagePool },
    });
  for (const skip of request.skips)
    if (skip.untilMs <= now) continue;
    else if ("hostId" in skip) {
      if (skip.hostId === host.id) obstacles.push({ code: "host-skipped", params: { why: skip.reason } });
    } else if (skip.storagePool === host.storagePool)
      obstacles.push({
        code: "storage-pool-skipped",
        params: { storage_pool: skip.storagePool, why: skip.reason },
      });
  return obstacles;
}

function payerObstacles(host: HostCapacity, { payer }: PlacementRequest): Reason[] {
  return hasNoOtherPayer(host.payers ?? null, payer) ? [] : [{ code: "host-shared-with-nobody", params: {} }];
}

function labelObstacles(host: HostCapacity, request: PlacementRequest): Reason[] {
  return Object.entries(request.labels)
    .filter(([label, wanted]) => host.labels[label] !== wanted)
    .map(([label, wanted]) => {
      const value = host.labels[label];
      return value === undefined
        ? { code: "label-missing", params: { label, wanted } }
        : { code: "label-differs", params: { label, wanted, value } };
    });
}

function agentObstacles(host: HostCapacity, request: PlacementRequest): Reason[] {
  return request.features
    .filter((feature) => !host.features.includes(feature))
    .map((feature) => ({
      code: "agent-lacks-feature",
      params: { feature, cannot: whatLacks(feature) },
    }));
}

function capacityObstacles(host: HostCapacity, request: PlacementRequest): Reason[] {
  const obstacles: Reason[] = [];
  if (request.cpuMilli > host.freeCpuMilli)
    obstacles.push({
      code: "cpu-short",
      params: {
        requested_cores: request.cpuMilli / THOUSANDTHS,
        free_cores: host.freeCpuMilli / THOUSANDTHS,
      },
    });
  if (request.memoryMib > host.freeMemoryMib)
    obstacles.push({
      code: "memory-short",
      params: { requested_mib: request.memoryMib, free_mib: host.freeMemoryMib },
    });
  if (request.tempStorageMib > host.freeTempStorageMib)
    obstacles.push({
      code: "temp-storage-short",
      params: { requested_mib: request.tempStorageMib, free_mib: host.freeTempStorageMib },
    });
  return obstacles;
}

function gpuObstacles(host: HostCapacity, wanted: GpuRequest): Reason[] {
  const requested = gpuCount(wanted);
  const ofKind = host.gpus.filter((gpu) => isOfKind(gpu, wanted));
  if (ofKind.length < requested)
    return [{ code: "gpu-not-on-host", params: { wanted: wantedGpus(wanted), found: ofKind.length } }];
  const free = ofKind.filter((gpu) => gpu.closed === null && hasRoom(gpu, wanted)).length;
  if (free >= requested) return [];
  return [
    { code: "gpus-busy", params: { requested, free } },
    ...ofKind.flatMap(({ closed }) => closed ?? []),
  ];
}

export function gpuCount(gpuRequest: GpuRequest): number {
  switch (gpuRequest.kind) {
    case "none":
      return 0;
    case "whole":
      return gpuRequest.count;
    case "slice":
      return 1;
  }
}

/** Whether a card of this kind could ever serve the wish, were it idle. */
export function isOfKind(kind: { model: string; memoryMib: number }, gpuRequest: GpuRequest): boolean {
  switch (gpuRequest.kind) {
    case "none":
      return false;
    case "whole":
      return kind.memoryMib >= gpuRequest.leastMemoryMib && (gpuRequest.models?.includes(kind.model) ?? true);
    case "slice":
      return kind.memoryMib >= gpuRequest.memoryMib && (gpuRequest.models?.includes(kind.model) ?? true);
  }
}

/** Whether the card has what the wish needs of it right now. */
export function hasRoom(gpu: GpuCapacity, gpuRequest: GpuRequest): boolean {
  switch (gpuRequest.kind) {
    case "none":
      return false;
    case "whole":
      return gpu.use === "idle";
    case "slice":
      return (
        gpu.use !== "exclusive" &&
        gpu.freeMemoryMib >= gpuRequest.memoryMib &&
        gpu.freeShareThousandths >= sliceShare(gpuRequest, gpu.memoryMib)
      );
  }
}

/** A slice's part of the card follows its memory, rounded down so that slices which fit the memory fit the card. */
export function sliceShare(slice: { memoryMib: number; shareThousandths: number }, cardMib: number): number {
  const ofMemory = cardMib === 0 ? 0 : Math.floor((slice.memoryMib * THOUSANDTHS) / cardMib);
  return Math.max(1, slice.shareThousandths, ofMemory);
}
