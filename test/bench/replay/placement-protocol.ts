/**
 * The published protocol (Weng et al., ATC 2023): only hosts with GPUs count; hosts and tasks are sorted by name and
 * then put into the seed's order. Tasks arrive until they have asked for 130 % of the fleet's GPU; where the list is
 * shorter, more are drawn from it. Nothing ever leaves, and what does not fit when it arrives is dropped. The figure is
 * the part of the GPU that is allocated when 100 % and 130 % have been asked for. What is usual is known from the whole
 * list beforehand.
 */
import { type Draw, drawFrom, shuffled } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import { Placer } from "@remotegpu/control-plane/server/core/placement/placer";
import type { Policy } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import type { RecordedTask } from "./cluster-lists.ts";
import { type Cluster, clusterScene, gpuOf, PUBLISHED_LARGEST, requestOf } from "./placement-scene.ts";

const FULL_PERCENT = 100;
const LAST_PERCENT = 130;

/** GPU allocated in per cent of all. */
export interface Allocated {
  at100: number;
  at130: number;
}

export function replayPlacement(
  cluster: Cluster,
  { policy, seed }: { policy: Policy; seed: number },
): Allocated {
  const draw = drawFrom(seed);
  const { fleet, tasks, capacity, typical } = clusterScene(cluster, draw);
  const placer = new Placer(fleet, { policy, seed, now: 0, typical, largest: PUBLISHED_LARGEST });
  const allocated: Allocated = { at100: 0, at130: 0 };
  let requested = 0;
  let taken = 0;
  for (const task of arrivals(tasks, { draw, until: capacity * LAST_PERCENT })) {
    const wasFull = requested * 100 >= capacity * FULL_PERCENT;
    const gpu = gpuOf(task);
    requested += gpu;
    if (placer.place(requestOf(task)) !== null) taken += gpu;
    allocated.at130 = (100 * taken) / capacity;
    if (!wasFull) allocated.at100 = allocated.at130;
  }
  return allocated;
}

/** @param until hundredths of a thousandth of a GPU; the task that reaches it is the last */
function* arrivals(
  tasks: readonly RecordedTask[],
  { draw, until }: { draw: Draw; until: number },
): Generator<RecordedTask> {
  const first = shuffled(tasks, draw);
  let requested = 0;
  for (let arrived = 0; requested * 100 < until; arrived += 1) {
    const task = first[arrived] ?? tasks[draw(tasks.length)];
    if (task === undefined) return;
    requested += gpuOf(task);
    yield task;
  }
}
