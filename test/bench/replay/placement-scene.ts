/**
 * A recorded cluster in placement's words, as every replay of it begins: only hosts with GPUs count; hosts and tasks are
 * sorted by name, and the hosts then put into the seed's order. What is usual is known from the whole list beforehand.
 */
import type { Fleet, HostCapacity } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { type Draw, shuffled } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import {
  type CountedShape,
  typicalShapes,
} from "@remotegpu/control-plane/server/core/placement/scoring/typical-shapes";
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { RecordedHost, RecordedTask } from "./cluster-lists.ts";

/** Any size: recorded tasks ask for no GPU memory. */
const CARD_MIB = 16_384;

/** The constants of the published formula of best-fit. */
export const PUBLISHED_LARGEST = { cpuMilli: 128_000, gpuThousandths: 8_000 };

export interface Cluster {
  hosts: readonly RecordedHost[];
  tasks: readonly RecordedTask[];
}

interface Scene {
  fleet: Fleet;
  /** By name. */
  tasks: RecordedTask[];
  /** GPU thousandths. */
  capacity: number;
  typical: CountedShape[];
}

export function clusterScene(cluster: Cluster, draw: Draw): Scene {
  const hosts = byText(cluster.hosts, ({ sn }) => sn);
  const tasks = byText(cluster.tasks, ({ name }) => name);
  const fleet = fleetOf(shuffled(hosts, draw));
  const capacity = THOUSANDTHS * fleet.hosts.reduce((sum, { gpus }) => sum + gpus.length, 0);
  return { fleet, tasks, capacity, typical: typicalShapes(tasks.map(shapeOf)) };
}

/** Thousandths of GPU that the task asks for. */
export function gpuOf({ gpuCount, shareThousandths }: RecordedTask): number {
  return gpuCount * shareThousandths;
}

function byText<T>(rows: readonly T[], text: (row: T) => string): T[] {
  return rows.toSorted((a, b) => (text(a) < text(b) ? -1 : Number(text(a) > text(b))));
}

/** The hosts' ids follow their order, which decides every tie. */
function fleetOf(hosts: readonly RecordedHost[]): Fleet {
  return { hosts: hosts.filter(({ gpu }) => gpu > 0).map((host, position) => hostOf(host, position)) };
}

function hostOf(host: RecordedHost, position: number): HostCapacity {
  const id = String(position).padStart(9, "0");
  return {
    id,
    name: host.sn,
    storagePool: id,
    closed: null,
    labels: {},
    images: [],
    features: [],
    totalCpuMilli: host.cpu_milli,
    totalMemoryMib: host.memory_mib,
    totalTempStorageMib: 0,
    freeCpuMilli: host.cpu_milli,
    freeMemoryMib: host.memory_mib,
    freeTempStorageMib: 0,
    gpus: Array.from({ length: host.gpu }, (_, index) => ({
      uuid: `${id}-${index}`,
      index,
      model: host.model,
      memoryMib: CARD_MIB,
      island: null,
      closed: null,
      use: "idle",
      freeShareThousandths: THOUSANDTHS,
      freeMemoryMib: CARD_MIB,
    })),
  };
}

function shapeOf({ cpuMilli, memoryMib, gpuCount, shareThousandths, models }: RecordedTask): CountedShape {
  return {
    cpuMilli,
    gpuCount,
    shareThousandths,
    models,
    leastMemoryMib: 0,
    count: 1,
    totalMemoryMib: memoryMib,
  };
}

export function requestOf(task: RecordedTask): PlacementRequest {
  return {
    id: task.name,
    instances: 1,
    distinctHosts: false,
    cpuMilli: task.cpuMilli,
    memoryMib: task.memoryMib,
    tempStorageMib: 0,
    gpu: gpuRequestOf(task),
    labels: {},
    features: [],
    image: null,
    storagePool: null,
    skips: [],
    apart: [],
  };
}

function gpuRequestOf({ gpuCount: count, shareThousandths, models }: RecordedTask): GpuRequest {
  if (count === 0) return { kind: "none" };
  if (shareThousandths === THOUSANDTHS) return { kind: "whole", count, leastMemoryMib: 0, models };
  return { kind: "slice", memoryMib: 0, shareThousandths, models };
}
