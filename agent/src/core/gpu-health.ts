/**
 * Judges cards by what nvidia-smi says of them now and said before. Kernel messages are not looked at here.
 * A card that is gone is named, never judged: only who placed work on it knows what that means.
 */
import type { GpuReport } from "@remotegpu/shared/host-report";
import type { GpuUuid } from "@remotegpu/shared/ids";

export type GpuJudgement = { gpus: GpuReport[]; vanished: GpuUuid[] };

/** `previous` is the judged list of the sample before; an empty one at the start. */
export function judgeGpus({
  current,
  previous,
}: {
  current: readonly GpuReport[];
  previous: readonly GpuReport[];
}): GpuJudgement {
  const before = new Map(previous.map((gpu) => [gpu.uuid, gpu]));
  const present = new Set(current.map((gpu) => gpu.uuid));
  return {
    gpus: current.map((gpu) => ({ ...gpu, health: healthOf(gpu, before.get(gpu.uuid)) })),
    vanished: previous.map((gpu) => gpu.uuid).filter((uuid) => !present.has(uuid)),
  };
}

function healthOf(gpu: GpuReport, before: GpuReport | undefined): GpuReport["health"] {
  if (gpu.memoryUsedMib === null && gpu.temperatureC === null && gpu.powerW === null) return "unknown";
  const errors = gpu.eccUncorrected ?? 0;
  const errorsBefore = before?.eccUncorrected ?? errors;
  // Errors that grow under our eyes mean that memory is failing now. That verdict stands until the count
  // falls, which takes a driver reload or a reset of the card.
  if (errors > errorsBefore || (before?.health === "unhealthy" && errors >= errorsBefore && errors > 0))
    return "unhealthy";
  return errors > 0 || isTooHot(gpu) ? "degraded" : "healthy";
}

function isTooHot(gpu: GpuReport): boolean {
  return (
    gpu.temperatureC !== null && gpu.temperatureLimitC !== null && gpu.temperatureC >= gpu.temperatureLimitC
  );
}
