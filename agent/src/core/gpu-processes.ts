/**
 * Whose the processes on a card are. What belongs to no container of ours is shown as a stranger and never touched;
 * memory in use that our processes do not account for is shown as well, since not every user of a card is a process.
 */
import { MAX_GPU_STRANGERS, type GpuReport, type GpuStranger } from "@remotegpu/shared/host-report";
import type { GpuUuid } from "@remotegpu/shared/ids";

export type SeenProcess = {
  pid: number;
  gpuUuid: GpuUuid;
  memoryMib: number | null;
  name: string | null;
  /** Containers that it is in, the outermost first; empty for a process of the host. */
  containerIds: readonly string[];
};

/** @param ours ids of this host's containers; what was started inside one of them is ours too */
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

function strangerOf({ pid, name, memoryMib }: SeenProcess): GpuStranger {
  return { pid, name, memoryMib };
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
