/**
 * What keeps one request off one host: every constraint that fails, with the numbers, and the sentence for it.
 * An empty answer means that the host takes the request. Choosing among hosts is placement's.
 */
import { whatLacks } from "@remotegpu/shared/features";
import { asPhrase } from "@remotegpu/shared/sentence";
import { THOUSANDTHS } from "@remotegpu/shared/units";
import { hasNoOtherPayer } from "./fleet-state.ts";
import type { GpuCapacity, HostCapacity, HostPair } from "./fleet.ts";

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
  reason: string;
  untilMs: number;
}

/** Where an attempt failed of what it stood on. */
interface HostSkip {
  hostId: string;
  reason: string;
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

export type Obstacle =
  | { kind: "host-closed"; reason: string }
  | { kind: "other-payer" }
  | { kind: "label"; label: string; wanted: string; has: string | null }
  | { kind: "agent-too-old"; lacks: string }
  | { kind: "other-pool"; wanted: string; has: string }
  | { kind: "pool-skipped"; storagePool: string; reason: string }
  | { kind: "host-skipped"; reason: string }
  | { kind: "cpu"; requestedMilli: number; freeMilli: number }
  | { kind: "memory"; requestedMib: number; freeMib: number }
  | { kind: "temp-storage"; requestedMib: number; freeMib: number }
  | { kind: "no-such-gpu"; request: string; cards: number }
  | { kind: "gpu-busy"; requested: number; free: number }
  | { kind: "gpu-closed"; reason: string };

/** All constraints of `host` that `request` fails at the time `now` (ms), in a fixed order. */
export function obstaclesOn(host: HostCapacity, request: PlacementRequest, now: number): Obstacle[] {
  return [
    ...poolObstacles(host, request, now),
    ...payerObstacles(host, request),
    ...labelObstacles(host, request),
    ...agentObstacles(host, request),
    ...capacityObstacles(host, request),
    ...gpuObstacles(host, request.gpu),
  ];
}

function poolObstacles(host: HostCapacity, request: PlacementRequest, now: number): Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (host.closed !== null) obstacles.push({ kind: "host-closed", reason: host.closed });
  if (request.storagePool !== null && request.storagePool !== host.storagePool)
    obstacles.push({ kind: "other-pool", wanted: request.storagePool, has: host.storagePool });
  for (const skip of request.skips)
    if (skip.untilMs <= now) continue;
    else if ("hostId" in skip) {
      if (skip.hostId === host.id) obstacles.push({ kind: "host-skipped", reason: skip.reason });
    } else if (skip.storagePool === host.storagePool)
      obstacles.push({ kind: "pool-skipped", storagePool: skip.storagePool, reason: skip.reason });
  return obstacles;
}

function payerObstacles(host: HostCapacity, { payer }: PlacementRequest): Obstacle[] {
  return hasNoOtherPayer(host.payers ?? null, payer) ? [] : [{ kind: "other-payer" }];
}

function labelObstacles(host: HostCapacity, request: PlacementRequest): Obstacle[] {
  return Object.entries(request.labels)
    .filter(([label, wanted]) => host.labels[label] !== wanted)
    .map(([label, wanted]) => ({ kind: "label", label, wanted, has: host.labels[label] ?? null }));
}

function agentObstacles(host: HostCapacity, request: PlacementRequest): Obstacle[] {
  return request.features
    .filter((feature) => !host.features.includes(feature))
    .map((lacks) => ({ kind: "agent-too-old", lacks }));
}

function capacityObstacles(host: HostCapacity, request: PlacementRequest): Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (request.cpuMilli > host.freeCpuMilli)
    obstacles.push({ kind: "cpu", requestedMilli: request.cpuMilli, freeMilli: host.freeCpuMilli });
  if (request.memoryMib > host.freeMemoryMib)
    obstacles.push({ kind: "memory", requestedMib: request.memoryMib, freeMib: host.freeMemoryMib });
  if (request.tempStorageMib > host.freeTempStorageMib)
    obstacles.push({
      kind: "temp-storage",
      requestedMib: request.tempStorageMib,
      freeMib: host.freeTempStorageMib,
    });
  return obstacles;
}

function gpuObstacles(host: HostCapacity, gpuRequest: GpuRequest): Obstacle[] {
  const requested = gpuCount(gpuRequest);
  const ofKind = host.gpus.filter((gpu) => isOfKind(gpu, gpuRequest));
  if (ofKind.length < requested)
    return [{ kind: "no-such-gpu", request: describeRequest(gpuRequest), cards: ofKind.length }];
  const free = ofKind.filter((gpu) => gpu.closed === null && hasRoom(gpu, gpuRequest)).length;
  if (free >= requested) return [];
  const closed = ofKind.filter((gpu) => gpu.closed !== null);
  return [
    { kind: "gpu-busy", requested, free },
    ...closed.map((gpu): Obstacle => ({ kind: "gpu-closed", reason: `${gpu.uuid} ${gpu.closed}` })),
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

function describeRequest(gpuRequest: GpuRequest): string {
  switch (gpuRequest.kind) {
    case "none":
      return "no GPU";
    case "whole":
      return [
        `${gpuRequest.count} × ${modelsOf(gpuRequest.models) ?? "GPU"}`,
        ...(gpuRequest.leastMemoryMib > 0 ? [`with at least ${gpuRequest.leastMemoryMib} MiB`] : []),
      ].join(" ");
    case "slice":
      return `a slice of ${sliceSize(gpuRequest)} of ${modelsOf(gpuRequest.models) ?? "a GPU"}`;
  }
}

function sliceSize({ memoryMib, shareThousandths }: Extract<GpuRequest, { kind: "slice" }>): string {
  const share = `${shareThousandths} thousandths`;
  if (memoryMib === 0) return share;
  return shareThousandths === 0 ? `${memoryMib} MiB` : `${memoryMib} MiB and ${share}`;
}

function modelsOf(models: readonly string[] | null): string | null {
  if (models === null) return null;
  return models.length === 0 ? "GPU with a price" : models.join(" or ");
}

/** The obstacle as a phrase for people, without a full stop, though its reason may be a sentence of others. */
export function describeObstacle(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case "host-closed":
      return asPhrase(obstacle.reason);
    case "other-payer":
      return "it runs work of another payer and shares with nobody until its software is updated";
    case "other-pool":
      return `the files are in storage pool ${obstacle.wanted}, this host sees ${obstacle.has}`;
    case "pool-skipped":
      return `storage pool ${obstacle.storagePool} is skipped for a while: ${asPhrase(obstacle.reason)}`;
    case "host-skipped":
      return `it is skipped for a while, where the last attempt failed: ${asPhrase(obstacle.reason)}`;
    case "label":
      return obstacle.has === null
        ? `it has no label ${obstacle.label}, ${obstacle.wanted} is wanted`
        : `its label ${obstacle.label} is ${obstacle.has}, ${obstacle.wanted} is wanted`;
    case "agent-too-old":
      return `its agent is too old: it cannot ${whatLacks(obstacle.lacks)}`;
    case "cpu":
      return `${cores(obstacle.requestedMilli)} asked, ${obstacle.freeMilli / THOUSANDTHS} free`;
    case "memory":
      return `${obstacle.requestedMib} MiB of memory asked, ${obstacle.freeMib} MiB free`;
    case "temp-storage":
      return `${obstacle.requestedMib} MiB of temporary storage asked, ${obstacle.freeMib} MiB free`;
    case "no-such-gpu":
      return `asked for ${obstacle.request}, the host has ${obstacle.cards} such`;
    case "gpu-busy":
      return `${obstacle.requested} GPU asked, ${obstacle.free} free`;
    case "gpu-closed":
      return asPhrase(obstacle.reason);
  }
}

function cores(milli: number): string {
  return `${milli / THOUSANDTHS} CPU ${milli === THOUSANDTHS ? "core" : "cores"}`;
}
