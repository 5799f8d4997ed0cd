/**
 * Whether a request could never be placed on this fleet, were all of it free: which field of the order, what it asks,
 * and the most that any host has. What may change by itself makes nothing impossible: cordons, hosts and cards that are
 * closed, a fleet or a storage pool without any host.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { emptyRoom } from "./fleet/empty-room.ts";
import { gpuCount, isOfKind } from "./fleet/fits-on.ts";
import type { GpuRequest, PlacementRequest } from "./fleet/fits-on.ts";
import type { Fleet, HostCapacity } from "./fleet/fleet.ts";

export interface Impossibility {
  /** Where an order says it. */
  field:
    | "cpu"
    | "memory"
    | "temp_storage"
    | "gpu"
    | "gpu_memory"
    | "config.gpu_model"
    | "config.host_labels"
    | "node_count";
  /** Without a capital and a full stop. */
  sentence: string;
}

export function impossibility(fleet: Fleet, request: PlacementRequest): Impossibility | null {
  const { storagePool } = request;
  const hosts = fleet.hosts.filter((host) => storagePool === null || host.storagePool === storagePool);
  if (hosts.length === 0 || haveRoom(hosts, request)) return null;
  const place = storagePool === null ? "host" : `host of storage pool ${storagePool}`;
  return firstBroken(constraintsOf(request), hosts, place) ?? tooFewPlaces(hosts, request);
}

/** Most orders are possible, and the first few hosts show it. */
function haveRoom(hosts: HostCapacity[], request: PlacementRequest): boolean {
  let left = request.instances;
  return hosts.some((host) => (left -= emptyRoom(host, request)) <= 0);
}

interface Constraint {
  field: Impossibility["field"];
  holds: (host: HostCapacity) => boolean;
  /** What a host has for which it holds. */
  quality: string;
  refusal: (hosts: HostCapacity[], place: string) => string;
}

/** The first that no host keeps of those which keep the ones before it. */
function firstBroken(constraints: Constraint[], hosts: HostCapacity[], place: string): Impossibility | null {
  let left = hosts;
  const qualities: string[] = [];
  for (const { field, holds, quality, refusal } of constraints) {
    const keeping = left.filter(holds);
    if (keeping.length === 0) {
      const narrower = qualities.length === 0 ? place : `${place} with ${qualities.join(" and ")}`;
      return { field, sentence: refusal(left, narrower) };
    }
    if (keeping.length < left.length) qualities.push(quality);
    left = keeping;
  }
  return null;
}

/** What few hosts have comes first, so that the rest is measured on those which the order is about. */
function constraintsOf(request: PlacementRequest): Constraint[] {
  return [
    ...Object.entries(request.labels).map(([label, wanted]) =>
      labelConstraint(`${label}=${wanted}`, (host) => host.labels[label] === wanted),
    ),
    ...gpuConstraints(request.gpu),
    amount("cpu", request.cpuMilli, {
      has: (host) => host.totalCpuMilli,
      inWords: (milli) => `${milli / THOUSANDTHS} CPU ${milli === THOUSANDTHS ? "core" : "cores"}`,
    }),
    amount("memory", request.memoryMib, {
      has: (host) => host.totalMemoryMib,
      inWords: (mib) => `${mib} MiB of memory`,
    }),
    amount("temp_storage", request.tempStorageMib, {
      has: (host) => host.totalTempStorageMib,
      inWords: (mib) => `${mib} MiB of temporary storage`,
    }),
  ];
}

function labelConstraint(label: string, holds: Constraint["holds"]): Constraint {
  return {
    field: "config.host_labels",
    holds,
    quality: `the label ${label}`,
    refusal: (_hosts, place) => `asked for a host with the label ${label}, and no ${place} has it`,
  };
}

function gpuConstraints(gpuRequest: GpuRequest): Constraint[] {
  if (gpuRequest.kind === "none") return [];
  const { models } = gpuRequest;
  const name = models === null ? "GPU" : models.join(" or ");
  const memoryMib = gpuRequest.kind === "slice" ? gpuRequest.memoryMib : gpuRequest.leastMemoryMib;
  const cardsOf = ({ gpus }: HostCapacity, leastMemoryMib: number) =>
    gpus.filter((gpu) => isOfKind(gpu, { kind: "whole", count: 1, leastMemoryMib, models }));
  return [
    {
      field: models === null ? "gpu" : "config.gpu_model",
      holds: (host) => cardsOf(host, 0).length > 0,
      quality: name,
      refusal: (_hosts, place) => `asked for ${models === null ? "a GPU" : name}, and no ${place} has one`,
    },
    amount("gpu_memory", memoryMib, {
      has: (host) => cardsOf(host, 0).reduce((most, gpu) => Math.max(most, gpu.memoryMib), 0),
      inWords: (mib) => `${mib} MiB on each ${name}`,
    }),
    amount("gpu", gpuCount(gpuRequest), {
      has: (host) => cardsOf(host, memoryMib).length,
      inWords: (count) => `${count} × ${name}${memoryMib === 0 ? "" : ` with ${memoryMib} MiB`}`,
    }),
  ];
}

function amount(
  field: Impossibility["field"],
  requested: number,
  { has, inWords }: { has: (host: HostCapacity) => number; inWords: (amount: number) => string },
): Constraint {
  return {
    field,
    holds: (host) => has(host) >= requested,
    quality: inWords(requested),
    refusal: (hosts, place) => {
      const most = hosts.reduce((most, host) => Math.max(most, has(host)), 0);
      return `asked for ${inWords(requested)}, and the most that any ${place} has is ${inWords(most)}`;
    },
  };
}

function tooFewPlaces(hosts: HostCapacity[], request: PlacementRequest): Impossibility {
  const room = hosts.reduce((sum, host) => sum + emptyRoom(host, request), 0);
  const apart = request.distinctHosts ? ", each on a host of its own" : "";
  return {
    field: "node_count",
    sentence: `asked for ${request.instances} instances${apart}, and ${room} would fit were the fleet empty`,
  };
}
