/**
 * Whether a request could never be placed on this fleet, were all of it free: which field of the order, what it asks,
 * and the most that any host has. What may change by itself makes nothing impossible: cordons, hosts and cards that are
 * closed, a fleet or a storage pool without any host.
 */
import { THOUSANDTHS } from "@remotegpu/shared/units";
import type { Reason } from "../reasons/reason.ts";
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
  reason: Reason;
}

export function impossibility(fleet: Fleet, request: PlacementRequest): Impossibility | null {
  const { storagePool } = request;
  const hosts = fleet.hosts.filter((host) => storagePool === null || host.storagePool === storagePool);
  if (hosts.length === 0 || haveRoom(hosts, request)) return null;
  const place: Reason =
    storagePool === null
      ? { code: "any-host", params: {} }
      : { code: "any-host-of-pool", params: { storage_pool: storagePool } };
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
  quality: Reason;
  refusal: (hosts: HostCapacity[], place: Reason) => Reason;
}

/** The first that no host keeps of those which keep the ones before it. */
function firstBroken(constraints: Constraint[], hosts: HostCapacity[], place: Reason): Impossibility | null {
  let left = hosts;
  const qualities: Reason[] = [];
  for (const { field, holds, quality, refusal } of constraints) {
    const keeping = left.filter(holds);
    if (keeping.length === 0) {
      const narrower: Reason =
        qualities.length === 0 ? place : { code: "any-host-with", params: { place, qualities } };
      return { field, reason: refusal(left, narrower) };
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
      inWords: (milli) => ({ code: "cores", params: { cores: milli / THOUSANDTHS } }),
    }),
    amount("memory", request.memoryMib, {
      has: (host) => host.totalMemoryMib,
      inWords: (mib) => ({ code: "memory", params: { mib } }),
    }),
    amount("temp_storage", request.tempStorageMib, {
      has: (host) => host.totalTempStorageMib,
      inWords: (mib) => ({ code: "temp-storage", params: { mib } }),
    }),
  ];
}

function labelConstraint(label: string, holds: Constraint["holds"]): Constraint {
  return {
    field: "config.host_labels",
    holds,
    quality: { code: "host-label", params: { label } },
    refusal: (_hosts, place) => ({ code: "label-on-no-host", params: { label, place } }),
  };
}

function gpuConstraints(gpuRequest: GpuRequest): Constraint[] {
  if (gpuRequest.kind === "none") return [];
  const { models } = gpuRequest;
  const model: Reason =
    models === null ? { code: "any-gpu", params: {} } : { code: "gpu-models", params: { models } };
  const memoryMib = gpuRequest.kind === "slice" ? gpuRequest.memoryMib : gpuRequest.leastMemoryMib;
  const cardsOf = ({ gpus }: HostCapacity, leastMemoryMib: number) =>
    gpus.filter((gpu) => isOfKind(gpu, { kind: "whole", count: 1, leastMemoryMib, models }));
  return [
    {
      field: models === null ? "gpu" : "config.gpu_model",
      holds: (host) => cardsOf(host, 0).length > 0,
      quality: model,
      refusal: (_hosts, place) => ({
        code: "nothing-on-any-host",
        params: { wanted: models === null ? { code: "one-gpu", params: {} } : model, place },
      }),
    },
    amount("gpu_memory", memoryMib, {
      has: (host) => cardsOf(host, 0).reduce((most, gpu) => Math.max(most, gpu.memoryMib), 0),
      inWords: (mib) => ({ code: "memory-on-each-gpu", params: { mib, model } }),
    }),
    amount("gpu", gpuCount(gpuRequest), {
      has: (host) => cardsOf(host, memoryMib).length,
      inWords: (count) =>
        memoryMib === 0
          ? { code: "whole-gpus", params: { count, model } }
          : { code: "gpus-with-memory", params: { count, model, mib: memoryMib } },
    }),
  ];
}

function amount(
  field: Impossibility["field"],
  requested: number,
  { has, inWords }: { has: (host: HostCapacity) => number; inWords: (amount: number) => Reason },
): Constraint {
  return {
    field,
    holds: (host) => has(host) >= requested,
    quality: inWords(requested),
    refusal: (hosts, place) => {
      const most = hosts.reduce((most, host) => Math.max(most, has(host)), 0);
      const params = { requested: inWords(requested), place, most: inWords(most) };
      return { code: "beyond-largest-host", params };
    },
  };
}

function tooFewPlaces(hosts: HostCapacity[], request: PlacementRequest): Impossibility {
  const room = hosts.reduce((sum, host) => sum + emptyRoom(host, request), 0);
  const code = request.distinctHosts ? "own-hosts-too-few" : "places-too-few";
  return { field: "node_count", reason: { code, params: { requested: request.instances, room } } };
}
