/** What a host holds against a GPU, for whoever has something on it. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const GPU_FAULT_CODES = {
  "gpu-fault": { why: "phrase", fault_code: "text" },
  "gpu-fault-unexplained": {},
  "gpu-failed": { gpu_uuid: "text", why: "phrase" },
  "gpu-shows-sign": { gpu_uuid: "text", why: "phrase" },
  "gpu-closed-to-new": { gpu_uuid: "text", why: "phrase" },
  "gpu-had-failed": { gpu_uuid: "text", why: "phrase" },
  "gpu-had-shown-sign": { gpu_uuid: "text", why: "phrase" },
} as const satisfies CodeShapes;
