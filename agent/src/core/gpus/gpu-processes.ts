/**
 * Whose the processes on a card are. What belongs to no live run of ours is a stranger: shown, never touched, and nothing
 * starts beside it. Memory in use that our processes do not account for is shown as well, since not every user of a card
 * is a process.
 */
import { MAX_GPU_STRANGERS, type GpuReport, type GpuStranger } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
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

/**
 * Ids of the containers whose processes are ours: those that run, and those of runs that have not ended, whatever the
 * runtime says of them. A run's record names its container before the first process of it is there.
 */
export function liveContainerIds(
  containers: readonly OwnedContainer[],
  runs: readonly RunRecord[],
): Set<string> {
  const unended = runs.filter(({ end }) => end === null).flatMap(({ containerId }) => containerId ?? []);
  return new Set([...containers.filter(isRunning).map(({ containerId }) => containerId), ...unended]);
}

/** @param ours as `liveContainerIds` tells them; what was started inside one of them is ours too */
export function withProcesses(
  gpu: GpuReport,
  processes: readonly SeenProcess[],
  ours: ReadonlySet<string>,
): GpuReport {
  const onCard = processes.filter(({ gpuUuid }) => gpuUuid === gpu.uuid);
  const isOurs = ({ containerIds }: SeenProcess) => containerIds.some((id) => ours.has(id));
  const strangers = onCard.filter((process) => !isOurs(process)).toSorted((a, b) => a.pid - b.pid);
  return {
    ...gpu,
    strangers: strangers.slice(0, MAX_GPU_STRANGERS).map(strangerOf),
    foreignMemoryMib: foreignMemoryMib(gpu, onCard.filter(isOurs)),
  };
}

/** Its name is the stranger's own choice and is shown to people: what moves a terminal's cursor is taken out of it. */
function strangerOf({ pid, name, memoryMib }: SeenProcess): GpuStranger {
  return { pid, name: name?.replaceAll(/\p{C}/gu, "?") ?? null, memoryMib };
}

/** Null where the card, or one of our processes on it, does not tell its memory (as with MIG). */
function foreignMemoryMib({ memoryUsedMib }: GpuReport, ours: readonly SeenProcess[]): number | null {
  if (memoryUsedMib === null) return null;
  let leftMib = memoryUsedMib;
  for (const { memoryMib } of ours) {
    if (memoryMib === null) return null;
    leftMib -= memoryMib;
  }
  return Math.max(0, leftMib);
}
