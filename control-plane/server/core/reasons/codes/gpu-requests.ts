/** What an order asks of GPUs, as a part of other reasons. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const GPU_REQUEST_CODES = {
  "no-gpu": {},
  "whole-gpus": { count: "number", model: "phrase" },
  "whole-gpus-with-memory": { count: "number", model: "phrase", least_mib: "number" },
  "gpu-slice": { size: "phrase", model: "phrase" },
  "slice-share": { thousandths: "number" },
  "slice-memory": { memory_mib: "number" },
  "slice-memory-and-share": { memory_mib: "number", thousandths: "number" },
  "any-gpu": {},
  "one-gpu": {},
  "priced-gpu": {},
  "gpu-models": { models: "alternatives" },
} as const satisfies CodeShapes;
