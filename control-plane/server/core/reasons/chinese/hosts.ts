import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { HOST_CODES } from "../codes/hosts.ts";

export const HOST_CHINESE = messagesFor<typeof HOST_CODES>()({
  "host-cordoned": "已停止接收新任务",
  "host-cordoned-with-note": "已停止接收新任务：{note}",
  "host-never-connected": "尚未连接",
  "host-suspect": "状态可疑",
  "host-unreachable": "无法连通",
  "host-not-heard": "刚才没有收到它的消息",
  "host-without-report": "尚未报告状态",
  "host-overcommitted": "占用的资源多于现有资源",
  "host-degraded": "部分功能异常：{faults}",
  "agent-too-old":
    "代理程序版本过旧，不能接收新任务：它使用协议 {agent_protocols}，控制平面使用 {own_protocols}",
  "agent-too-new":
    "代理程序版本过新，不能接收新任务：它使用协议 {agent_protocols}，控制平面使用 {own_protocols}",

  "pool-claim-unconfirmed": "等待管理员确认它属于存储池 {storage_pool}",
  "pool-not-proved-yet": "尚未证明它共用存储池 {storage_pool}",
  "pool-not-proved-yet-because": "尚未证明它共用存储池 {storage_pool}：{why}",
  "pool-agent-too-old": "代理程序版本过旧，无法证明其存储池 {storage_pool}",
  "pool-not-shared": "它不共用存储池 {storage_pool}",
  "pool-not-shared-because": "它不共用存储池 {storage_pool}：{why}",
  "pool-proof-overdue": "太久没有证明它共用存储池 {storage_pool}",
  "pool-proof-overdue-because": "太久没有证明它共用存储池 {storage_pool}：{why}",

  "gpu-cordoned": "{gpu_uuid} 已停止接收新任务",
  "gpu-cordoned-with-note": "{gpu_uuid} 已停止接收新任务：{note}",
  "gpu-suspect": "{gpu_uuid} 出现故障迹象：{why}",
  "gpu-claimed-twice": "{gpu_uuid} 同时被主机 {other_host_id} 声明拥有",
  "gpu-unhealthy": "{gpu_uuid} 状态异常",
  "gpu-unhealthy-because": "{gpu_uuid} 状态异常：{why}",
  "gpu-used-by-process": "{gpu_uuid} 被外部进程 {process_id} 占用",
  "gpu-used-by-program": "{gpu_uuid} 被外部进程 {process_id}（{program}）占用",
  "host-out-of-service": "主机 {host_name} 停止服务。",
  "host-out-of-service-with-note": "主机 {host_name} 停止服务（{note}）。",
  "drain-stops-now": "它正在被停止：{why}",
  "drain-stops-at": "它将于 {at} 被停止：{why}",
});
