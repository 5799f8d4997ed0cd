import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { UPGRADE_CODES } from "@remotegpu/shared/reasons/host-reports/codes/upgrades";

export const UPGRADE_CHINESE = messagesFor<typeof UPGRADE_CODES>()({
  "upgrade-not-fetched": "无法获取该版本：{why}",
  "upgrade-damaged": "该版本的文件 {file} 与其清单不符。",
  "upgrade-not-signed": "该版本没有本主机所要求的密钥的签名。",
  "upgrade-refused-before": "该版本此前已在本主机上被拒绝或撤销。",
  "upgrade-self-test-failed": "新版本的自检失败：{why}",
  "upgrade-plan-differs": "新版本所见的本主机状态与正在运行的版本不一致：{why}",
  "upgrade-not-ready": "新代理程序在 {seconds} 秒后仍未就绪。",
  "upgrade-agent-restarts": "新代理程序不得不重新启动 {restarts} 次。",
  "upgrade-files-restarts": "新的文件进程不得不重新启动 {restarts} 次。",
  "upgrade-watchdog": "新代理程序停止响应，被 systemd 终止。",
  "upgrade-hung": "新代理程序已有 {seconds} 秒没有计量。",
  "upgrade-work-ended": "新代理程序在没有指令的情况下结束了 {instances} 个实例。",
  "upgrade-work-lost": "新代理程序不认识在此运行的 {instances} 个实例。",
  "upgrade-not-heard":
    "控制平面在 {seconds} 秒内回复了新代理程序的 {heartbeats} 次心跳；此前的代理程序是连通的。",
  "upgrade-not-judged": "新版本自身的升级检查无法运行。",
});
