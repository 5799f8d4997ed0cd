import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { POOL_PROOF_CODES } from "../codes/pools.ts";

export const POOL_PROOF_CHINESE = messagesFor<typeof POOL_PROOF_CODES>()({
  "pool-folder-absent": "主机 {host_name} 上没有该存储池的文件夹。",
  "pool-writes-unseen": "主机 {reader_name} 看不到主机 {writer_name} 写入存储池的内容。",
  "pool-files-differ": "它看到的文件与主机 {host_name} 的不同。",
  "pool-host-silent": "没有收到主机 {host_name} 的消息：{why}。",
  "pool-nonce-unwritten": "其文件进程没有写入证明（{status}）",
  "pool-nonce-unread": "其文件进程没有读出证明（{status}）",
  "pool-answer-overdue": "其文件进程未及时响应",
  "pool-host-unreached": "无法连接它：{why}",
  "pool-host-disconnected": "主机 {host_name} 没有连接。",
  "pool-host-without-port": "主机 {host_name} 尚未报告网关连接它的位置。",
  "pool-host-agent-too-old": "主机 {host_name} 的代理程序版本过旧，无法证明其存储池。",
  "pool-members-silent": "该存储池目前没有已证明的成员响应。",
});
