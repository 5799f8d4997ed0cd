import type { DRILL_CODES } from "@remotegpu/shared/reasons/host-reports/codes/drills";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const DRILL_CHINESE = messagesFor<typeof DRILL_CODES>()({
  "drill-canary-gone": "金丝雀任务已不再运行。",
  "drill-canary-restarted": "金丝雀任务的进程曾结束并重新启动。",
  "drill-canary-not-ended": "金丝雀任务占用丢失的显卡，但 {within_seconds} 秒后仍未结束。",
  "drill-agent-late": "代理程序在 {within_seconds} 秒内未就绪。",
  "drill-not-noticed": "代理程序在 {within_seconds} 秒后仍未察觉。",
  "drill-not-over": "故障结束 {within_seconds} 秒后，代理程序仍在报告它。",
  "drill-cut-off": "故障结束 {within_seconds} 秒后，控制面仍未应答。",
  "drill-journal-behind": "故障结束 {within_seconds} 秒后，控制面仍未确认日志。",
  "drill-journal-broken": "日志未通过诊断的以下检查：{checks}。",
  "drill-meter-stood": "故障结束 {within_seconds} 秒后，金丝雀任务仍未被计量。",
  "drill-leases-changed": "租用的端口与之前不同。",
  "drill-not-played": "无法演练：{why}",
});
