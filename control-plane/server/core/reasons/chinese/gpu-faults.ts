import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { GPU_FAULT_CODES } from "../codes/gpu-faults.ts";

export const GPU_FAULT_CHINESE = messagesFor<typeof GPU_FAULT_CODES>()({
  "gpu-fault": "{why}（{fault_code}）",
  "gpu-fault-unexplained": "其主机未说明原因",
  "gpu-failed": "{gpu_uuid} 已故障：{why}。",
  "gpu-shows-sign":
    "{gpu_uuid} 出现故障迹象：{why}。如果下一次读数证实，其最后一次正常读数之后的时间不计费。",
  "gpu-closed-to-new": "{gpu_uuid} 不再接收新任务：{why}。其上正在运行的任务继续运行。",
  "gpu-had-failed": "其结束时 {gpu_uuid} 已故障：{why}。该卡最后一次正常读数之后的时间不计费。",
  "gpu-had-shown-sign": "其结束时 {gpu_uuid} 出现故障迹象：{why}。该卡最后一次正常读数之后的时间不计费。",
});
