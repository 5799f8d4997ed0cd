import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { GPU_REQUEST_CODES } from "../codes/gpu-requests.ts";

export const GPU_REQUEST_ENGLISH = messagesFor<typeof GPU_REQUEST_CODES>()({
  "no-gpu": "no GPU",
  "whole-gpus": "{count} × {model}",
  "whole-gpus-with-memory": "{count} × {model} with at least {least_mib} MiB",
  "gpu-slice": "a slice of {size} of {model}",
  "slice-share": "{thousandths} thousandths",
  "slice-memory": "{memory_mib} MiB",
  "slice-memory-and-share": "{memory_mib} MiB and {thousandths} thousandths",
  "any-gpu": "GPU",
  "one-gpu": "a GPU",
  "priced-gpu": "GPU with a price",
  "gpu-models": "{models}",
});
