/**
 * Where the processes that nvidia-smi names live: their names and containers, by /proc. What has ended since it was
 * named is left out. Whose they are is decided in core/gpus/gpu-processes.ts.
 */
import type { LiveContainers, SeenProcess } from "../../core/gpus/gpu-processes.ts";
import type { GpuProcess } from "./nvidia-smi/nvidia-smi-xml.ts";
import { readContainers, readProcessName } from "../processes/process-liveness.ts";

export type ProcessesOnCards = { seen: SeenProcess[]; ours: LiveContainers };

/**
 * @param liveContainers asked once the processes were read: a container that was started meanwhile is among them by
 * then. What belongs to none of them is read again, since it may have ended with its run in between.
 */
export async function processesOnCards(
  named: readonly GpuProcess[],
  liveContainers: () => LiveContainers,
): Promise<ProcessesOnCards> {
  const first = await Promise.all(named.map(seenNow));
  const ours = liveContainers();
  const seen = await Promise.all(
    first.map(async (process) => {
      const isOurs = process?.containerIds.some((id) => ours.has(id)) ?? false;
      return process === null || isOurs ? process : await seenNow(process);
    }),
  );
  return { seen: seen.filter((process) => process !== null), ours };
}

async function seenNow({ pid, gpuUuid, memoryMib }: GpuProcess): Promise<SeenProcess | null> {
  const name = await readProcessName(pid);
  const containerIds = await readContainers(pid);
  return containerIds === null ? null : { pid, gpuUuid, memoryMib, name, containerIds };
}
