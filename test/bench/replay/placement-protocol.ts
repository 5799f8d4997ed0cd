/**
 * The published protocol (Weng et al., ATC 2023): only hosts with GPUs count; hosts and tasks are sorted by name and
 * then put into the seed's order. Tasks arrive until they have asked for 130 % of the fleet's GPU; where the list is
 * shorter, more are drawn from it. Nothing ever leaves, and what does not fit when it arrives is dropped. The figure is
 * the part of the GPU that is allocated when 100 % and 130 % have been asked for. What is usual is known from the whole
 * list beforehand.
 */
import type { Fleet, HostCapacity } from "@remotegpu/control-plane/core/placement/fleet";
import type { GpuWish, PlacementRequest } from "@remotegpu/control-plane/core/placement/fits-on";
import { type Draw, drawFrom, shuffled } from "@remotegpu/control-plane/core/placement/draw";
import { Placer } from "@remotegpu/control-plane/core/placement/placer";
import type { Policy } from "@remotegpu/control-plane/core/placement/policies";
import { type CountedShape, typicalShapes } from "@remotegpu/control-plane/core/placement/typical-shapes";
import { THOUSANDTHS } from "@remotegpu/shared/units";
import type { RecordedHost, RecordedTask } from "./cluster-lists.ts";

/** Any size: recorded tasks ask for no GPU memory. */
const CARD_MIB = 16_384;
const FULL_PERCENT = 100;
const LAST_PERCENT = 130;

/** GPU allocated in per cent of all. */
export interface Allocated {
  at100: number;
  at130: number;
}

export interface Cluster {
  hosts: readonly RecordedHost[];
  tasks: readonly RecordedTask[];
}

export function replayPlacement(
  cluster: Cluster,
  { policy, seed }: { policy: Policy; seed: number },
): Allocated {
  const draw = drawFrom(seed);
  const fleet = fleetOf(
    shuffled(
      byText(cluster.hosts, ({ sn }) => sn),
      draw,
    ),
  );
  const tasks = byText(cluster.tasks, ({ name }) => name);
  const capacity = THOUSANDTHS * fleet.hosts.reduce((sum, { gpus }) => sum + gpus.length, 0);
  const placer = new Placer(fleet, { policy, seed, now: 0, typical: typicalShapes(tasks.map(shapeOf)) });
  const allocated: Allocated = { at100: 0, at130: 0 };
  let asked = 0;
  let taken = 0;
  for (const task of arrivals(tasks, { draw, until: capacity * LAST_PERCENT })) {
    const wasFull = asked * 100 >= capacity * FULL_PERCENT;
    const gpu = task.gpuCount * task.shareThousandths;
    asked += gpu;
    if (placer.place(requestOf(task)) !== null) taken += gpu;
    allocated.at130 = (100 * taken) / capacity;
    if (!wasFull) allocated.at100 = allocated.at130;
  }
  return allocated;
}

function byText<T>(rows: readonly T[], text: (row: T) => string): T[] {
  return rows.toSorted((a, b) => (text(a) < text(b) ? -1 : Number(text(a) > text(b))));
}

/** @param until hundredths of a thousandth of a GPU; the task that reaches it is the last */
function* arrivals(
  tasks: readonly RecordedTask[],
  { draw, until }: { draw: Draw; until: number },
): Generator<RecordedTask> {
  const first = shuffled(tasks, draw);
  let asked = 0;
  for (let arrived = 0; asked * 100 < until; arrived += 1) {
    const task = first[arrived] ?? tasks[draw(tasks.length)];
    if (task === undefined) return;
    asked += task.gpuCount * task.shareThousandths;
    yield task;
  }
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

function shapeOf({ cpuMilli, gpuCount, shareThousandths, models }: RecordedTask): CountedShape {
  return { cpuMilli, gpuCount, shareThousandths, models, leastMemoryMib: 0, count: 1 };
}

function requestOf(task: RecordedTask): PlacementRequest {
  return {
    id: task.name,
    instances: 1,
    distinctHosts: false,
    cpuMilli: task.cpuMilli,
    memoryMib: task.memoryMib,
    tempStorageMib: 0,
    gpu: wishOf(task),
    labels: {},
    image: null,
    storagePool: null,
    skips: [],
  };
}

function wishOf({ gpuCount: count, shareThousandths, models }: RecordedTask): GpuWish {
  if (count === 0) return { kind: "none" };
  if (shareThousandths === THOUSANDTHS) return { kind: "whole", count, leastMemoryMib: 0, models };
  return { kind: "slice", memoryMib: 0, shareThousandths, models };
}
