/**
 * Whose the processes on a card are. What belongs to no live run of ours is a stranger: shown, never touched, and nothing
 * starts beside it. Memory in use that our processes do not account for is shown as well, since not every user of a card
 * is a process.
 */
import {
  MAX_GPU_MEMORY_USERS,
  MAX_GPU_STRANGERS,
  type GpuMemorySplit,
  type GpuMemoryUser,
  type GpuReport,
  type GpuStranger,
} from "@remotegpu/shared/messages/host-report";
import type { GpuUuid, InstanceId } from "@remotegpu/shared/values/ids";
import { isRunning, type OwnedContainer } from "../container/container.ts";
import type { RunRecord } from "../runs/run-record.ts";

export type SeenProcess = {
  pid: number;
  gpuUuid: GpuUuid;
  memoryMib: number | null;
  name: string | null;
  /** Containers that it is in, the outermost first; empty for a process of the host. */
  containerIds: readonly string[];
};

/** Containers whose processes are ours, each with its instance. */
export type LiveContainers = ReadonlyMap<string, InstanceId>;

/**
 * Those that run, and those of runs that have not ended, whatever the runtime says of them. A run's record names its
 * container before the first process of it is there.
 */
export function liveContainers(
  containers: readonly OwnedContainer[],
  runs: readonly RunRecord[],
): LiveContainers {
  const unended = runs.filter(({ end }) => end === null);
  return new Map([
    ...containers.filter(isRunning).map(({ containerId, owner }) => [containerId, owner.instanceId] as const),
    ...unended.flatMap(({ containerId, instanceId }) =>
      containerId === null ? [] : [[containerId, instanceId] as const],
    ),
  ]);
}

/** @param ours as `liveContainers` has them; what was started inside one of them is ours too */
export function withProcesses(
  gpu: GpuReport,
  processes: readonly SeenProcess[],
  ours: LiveContainers,
): GpuReport {
  const onCard = processes.filter(({ gpuUuid }) => gpuUuid === gpu.uuid);
  const isOurs = ({ containerIds }: SeenProcess) => containerIds.some((id) => ours.has(id));
  const strangers = onCard.filter((process) => !isOurs(process)).toSorted((a, b) => a.pid - b.pid);
  return {
    ...gpu,
    strangers: strangers.slice(0, MAX_GPU_STRANGERS).map(strangerOf),
    foreignMemoryMib: foreignMemoryMib(gpu, onCard.filter(isOurs)),
    memorySplit: memorySplit(gpu, onCard, ours),
  };
}

function memorySplit(gpu: GpuReport, onCard: readonly SeenProcess[], ours: LiveContainers): GpuMemorySplit {
  const instanceOf = ({ containerIds }: SeenProcess) =>
    containerIds.flatMap((id) => ours.get(id) ?? [])[0] ?? null;
  const byInstance = Map.groupBy(onCard, instanceOf);
  const users = [...byInstance].flatMap(([instanceId, processes]) =>
    instanceId === null ? [] : [memoryUser(instanceId, processes)],
  );
  return {
    users: users.toSorted((a, b) => (b.memoryMib ?? 0) - (a.memoryMib ?? 0)).slice(0, MAX_GPU_MEMORY_USERS),
    unexplainedMib: foreignMemoryMib(gpu, onCard),
  };
}

/** One process that does not tell its memory makes the sum unknown. */
function memoryUser(instanceId: InstanceId, processes: readonly SeenProcess[]): GpuMemoryUser {
  const known = processes.flatMap(({ memoryMib }) => memoryMib ?? []);
  const memoryMib = known.length < processes.length ? null : known.reduce((sum, mib) => sum + mib, 0);
  return { instanceId, processes: processes.length, memoryMib };
}

/** Its name is the stranger's own choice and is shown to people: what moves a terminal's cursor is taken out of it. */
function strangerOf({ pid, name, memoryMib }: SeenProcess): GpuStranger {
  return { pid, name: name?.replaceAll(/\p{C}/gu, "?") ?? null, memoryMib };
}

/** What these processes do not account for. Null where the card, or one of them, does not tell its memory (as with MIG). */
function foreignMemoryMib({ memoryUsedMib }: GpuReport, explaining: readonly SeenProcess[]): number | null {
  if (memoryUsedMib === null) return null;
  let leftMib = memoryUsedMib;
  for (const { memoryMib } of explaining) {
    if (memoryMib === null) return null;
    leftMib -= memoryMib;
  }
  return Math.max(0, leftMib);
}
