import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { SERVICE_CODES } from "../codes/services.ts";

export const SERVICE_CHINESE = messagesFor<typeof SERVICE_CODES>()({
  "replica-placed": "副本 {rank} 已安排到主机 {host_name}。",
  "replica-waiting-for-place": "有副本在等待资源。",
  "replicas-paused": {
    plural: "failures",
    one: "上一个副本失败：将在 {until} 创建下一个。",
    other: "最近 {failures} 个副本失败：将在 {until} 创建下一个。",
  },
  "replicas-stopping": "主机正在停止其副本。",
});
