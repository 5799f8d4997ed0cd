import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { GPU_FAULT_CODES } from "../codes/gpu-faults.ts";

export const GPU_FAULT_ENGLISH = messagesFor<typeof GPU_FAULT_CODES>()({
  "gpu-fault": "{why} ({fault_code})",
  "gpu-fault-unexplained": "its host gives no reason",
  "gpu-failed": "{gpu_uuid} failed: {why}.",
  "gpu-shows-sign":
    "{gpu_uuid} shows a sign of failure: {why}. If the next reading confirms it, nothing after its last good reading is charged.",
  "gpu-closed-to-new": "{gpu_uuid} takes nothing new: {why}. What runs on it goes on.",
  "gpu-had-failed":
    "Its {gpu_uuid} had failed as it ended: {why}. Nothing after the card's last good reading is charged.",
  "gpu-had-shown-sign":
    "Its {gpu_uuid} showed a sign of failure as it ended: {why}. Nothing after the card's last good reading is charged.",
});
