import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { SERVICE_CODES } from "../codes/services.ts";

export const SERVICE_CHINESE = messagesFor<typeof SERVICE_CODES>()({
  "replica-placed": "副本 {rank} 已安排到主机 {host_name}。",
  "replica-waiting-for-place": "有副本在等待资源。",
});
