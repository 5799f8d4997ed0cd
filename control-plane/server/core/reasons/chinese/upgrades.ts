import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { UPGRADE_CODES } from "../codes/upgrades.ts";

export const UPGRADE_CHINESE = messagesFor<typeof UPGRADE_CODES>()({
  "fleet-upgrade-wave-under-way": "本批次有 {hosts} 台主机尚未完成，其中包括 {host_name}。",
  "fleet-upgrade-wave-observed": "本批次的主机均已完成；下一批次开始前先观察它们。",
  "fleet-upgrade-waits-for-canary": "第一批次没有已升级的主机。{host_name}：{why}。",
  "fleet-upgrade-waits-for-unreachable": "主机 {host_name} 已升级，但收不到它的消息。",
  "fleet-upgrade-waits-for-journal": "已升级的主机 {host_name} 的日志滞后。",
  "fleet-upgrade-waits-for-condition": "主机 {host_name} 升级后出现异常：{conditions}。",
  "fleet-upgrade-halted-by-revert": "主机 {host_name} 退回了之前的版本。",
  "fleet-upgrade-halted-by-revert-because": "主机 {host_name} 退回了之前的版本。{why}",
  "fleet-upgrade-halted-by-refusal": "主机 {host_name} 拒绝了该版本。",
  "fleet-upgrade-halted-by-refusal-because": "主机 {host_name} 拒绝了该版本。{why}",
  "fleet-upgrade-halted-by-silence": "主机 {host_name} 应当升级，但没有按时完成。",
  "fleet-upgrade-not-finished-in-time": "没有在 {minutes} 分钟内完成",
  "fleet-upgrade-release-refused-before": "由于之前的尝试失败，它拒绝该版本",
});
