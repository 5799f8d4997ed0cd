import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { GPU_REQUEST_CODES } from "../codes/gpu-requests.ts";

export const GPU_REQUEST_CHINESE = messagesFor<typeof GPU_REQUEST_CODES>()({
  "no-gpu": "不需要 GPU",
  "whole-gpus": "{count} × {model}",
  "whole-gpus-with-memory": "{count} × {model}，每张至少 {least_mib} MiB",
  "gpu-slice": "{model} 的一个切片（{size}）",
  "slice-share": "千分之 {thousandths}",
  "slice-memory": "{memory_mib} MiB",
  "slice-memory-and-share": "{memory_mib} MiB、千分之 {thousandths}",
  "any-gpu": "GPU",
  "one-gpu": "一张 GPU",
  "priced-gpu": "有价格的 GPU",
  "gpu-models": "{models}",
});
