import type { CANARY_CODES } from "@remotegpu/shared/reasons/host-reports/codes/canary";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const CANARY_CHINESE = messagesFor<typeof CANARY_CODES>()({
  "canary-journal-full": "代理程序日志所在磁盘已满。",
  "canary-memory-ordered": "主机的全部内存均已被订购。",
  "canary-processors-ordered": "主机的全部处理器均已被订购。",
  "canary-not-tried": "无法尝试：{why}",
  "canary-broken-off": "其程序没有运行到结束。",
  "canary-inconclusive": "{tried} 次尝试中有 {unclear} 次的结果既非拒绝也非成功。",
});
