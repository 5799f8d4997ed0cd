/** In which state of service a GPU is, as the metrics name it. */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { CardState } from "../gpus/gpu-health.ts";

export const GPU_STATES = ["healthy", "noted", "drain", "cordoned", "missing"] as const;
export type GpuState = (typeof GPU_STATES)[number];

/** What closed it, where that has a series of its own. */
const CAUSES: Readonly<Record<string, string>> = {
  "requires-reset": "requires-reset",
  "gpu-lost": "lost",
  "mig-enabled": "mig",
};

/** @param gpu as it is listed with its judgement; undefined where it no longer is */
export function gpuState(
  gpu: Pick<GpuReport, "health"> | undefined,
  card: Pick<CardState, "cordon"> | undefined,
): GpuState {
  if (gpu === undefined || card?.cordon?.isGone === true) return "missing";
  if (card?.cordon?.kind === "fatal") return "cordoned";
  switch (gpu.health) {
    case "healthy":
      return "healthy";
    case "degraded":
    case "unknown":
      return "noted";
    case "unhealthy":
      return "drain";
  }
}

/** Null where the cause is none that has a series. */
export function closingCause(reasonCode: string | null | undefined): string | null {
  if (reasonCode === null || reasonCode === undefined || !Object.hasOwn(CAUSES, reasonCode)) return null;
  return CAUSES[reasonCode] ?? null;
}
