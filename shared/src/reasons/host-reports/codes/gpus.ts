/** Why a GPU is not well: what nvidia-smi says of it, what it says of itself, and why nothing can be started on it. */
import type { CodeShapes } from "../../parameters.ts";

/** Signs of failure, and what the driver asks for. */
export const GPU_SIGN_CODES = {
  "gpu-lost": {},
  "gpu-requires-reset": {},
  "gpu-recovery-reboot": {},
  "gpu-recovery-reset": {},
  "gpu-recovery-drain-p2p": {},
  "gpu-recovery-drain-and-reset": {},
  "gpu-without-power": {},
  "gpu-interrupts-faulty": {},
  "gpu-values-unknown-error": {},
  "gpu-values-err": {},
  "gpu-fabric-unhealthy": {},
  "gpu-fabric-in-progress": {},
  "gpu-without-answer": {},
} as const satisfies CodeShapes;

export const GPU_READING_CODES = {
  "gpu-power-unreadable": {},
  "gpu-utilization-unreadable": {},
  "gpu-memory-errors-unreadable": {},
  "gpu-memory-repairs-unreadable": {},
  "gpu-readings-missing": {},
  "gpu-inforom-corrupted": {},
  "gpu-fabric-capacity-limited": {},
  "gpu-fabric-bandwidth-degraded": {},
  "gpu-memory-errors": { errors: "number" },
  "gpu-memory-errors-grown": { more: "number" },
  "gpu-memory-repair-pending": {},
  "gpu-memory-repair-failed": {},
  "gpu-at-temperature-limit": { temperature_c: "number" },
  "gpu-clocks-slowed": { throttle_reasons: "text" },
} as const satisfies CodeShapes;

export const GPU_CLOSURE_CODES = {
  "gpu-no-longer-listed": {},
  "gpu-mig-enabled": {},
  "gpu-refused-to-container": {},
  "gpu-attach-mode-missing": {},
  "gpu-cdi-spec-missing": {},
} as const satisfies CodeShapes;
