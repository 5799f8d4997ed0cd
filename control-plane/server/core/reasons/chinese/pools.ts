import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { POOL_PROOF_CODES } from "../codes/pools.ts";

export const POOL_PROOF_CHINESE = messagesFor<typeof POOL_PROOF_CODES>()({
  "pool-tree-missing": "主机 {host_name} 上没有存储池的文件夹。",
  "pool-writes-unseen": "主机 {host_name} 看不到主机 {writing_host_name} 写入存储池的内容。",
  "pool-files-differ": "它看到的文件与主机 {host_name} 不同。",
  "pool-member-silent": "没有收到主机 {host_name} 的任何消息：{why}。",
  "pool-members-silent": "目前没有已证明的存储池成员响应。",
  "pool-host-not-reached": "无法到达它：{why}",
  "pool-proof-late": "其文件进程未及时响应",
  "pool-proof-unwritten": "其文件进程没有写入证明（{status}）",
  "pool-proof-unread": "其文件进程没有读取证明（{status}）",
  "pool-host-not-connected": "主机 {host_name} 未连接。",
  "pool-host-without-address": "主机 {host_name} 尚未报告网关如何到达它。",
  "pool-host-too-old": "主机 {host_name} 的代理程序版本过旧，无法证明其存储池。",
});
