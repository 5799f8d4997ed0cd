import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { HOST_ADDRESS_CODES, HOST_CODES, LINK_CODES } from "../codes/hosts.ts";

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
  "agent-release-too-old":
    "代理程序版本过旧，不能接收新任务：它的版本是 {agent_version}，控制平面的版本是 {own_version}",
  "agent-release-too-new":
    "代理程序版本过新，不能接收新任务：它的版本是 {agent_version}，控制平面的版本是 {own_version}",
  "agent-release-unsupported":
    "代理程序版本过旧，已不受支持：它的版本是 {agent_version}，控制平面的版本是 {own_version}",
  "agent-cannot-upgrade": "代理程序无法自行升级：它版本过旧，或不是从已安装的版本运行",
  "host-lost": "已声明为丢失",
  "host-removed": "已移出集群",
  "nothing-new-placed": "不再安排新任务：{why}。",

  "pool-claim-unconfirmed": "等待管理员确认它属于存储池 {storage_pool}",
  "pool-not-proved-yet": "尚未证明它共用存储池 {storage_pool}",
  "pool-not-proved-yet-because": "尚未证明它共用存储池 {storage_pool}：{why}",
  "pool-agent-too-old": "代理程序版本过旧，无法证明其存储池 {storage_pool}",
  "pool-not-shared": "它不共用存储池 {storage_pool}",
  "pool-not-shared-because": "它不共用存储池 {storage_pool}：{why}",
  "pool-proof-overdue": "太久没有证明它共用存储池 {storage_pool}",
  "pool-proof-overdue-because": "太久没有证明它共用存储池 {storage_pool}：{why}",
  "pool-unused": "不会在其上安排任务，也不会从中读取：{why}。",
  "pool-proof-impossible":
    "代理程序版本过旧，无法证明其存储池。其他主机证明期间，它在 {until} 之前仍可使用。",
  "pool-proof-failing": "其存储池最近未得到证明。{why}其他主机证明期间，它在 {until} 之前仍可使用。",

  "gpu-cordoned": "{gpu_uuid} 已停止接收新任务",
  "gpu-cordoned-because": "{gpu_uuid} 已停止接收新任务：{why}",
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
  "numbers-beyond-held": "它称已被告知 {number_name} 为 {reported}，而此处为 {held}",
  "restores-too-many": "它一天内 {restores} 次显示数据库被恢复",
  "log-server-ending": "该服务器正在结束",
  "outputs-of-server-too-many": "该服务器已在读取 {outputs} 个输出",
  "outputs-of-reader-too-many": "您已在读取 {outputs} 个输出",
  "readers-of-host-too-many": "该主机上已有 {readers} 个读取者",
  "nats-not-answering": "NATS 没有响应",
  "agent-not-answering": "其代理程序没有响应",
  "agent-answer-unknown": "其响应无法理解：{problem}",
  "journals-too-many": "它不断报告新的日志",
});

export const HOST_ADDRESS_CHINESE = messagesFor<typeof HOST_ADDRESS_CODES>()({
  "address-missing": "它没有报告 IP 地址。",
  "address-refused": "它报告的 {address} {why}。",
  "address-of-control-plane": "是控制平面自身的地址",
  "address-loopback": "是回环地址",
  "address-link-local": "是链路本地地址",
  "address-of-metadata": "是云元数据的地址",
  "address-of-no-machine": "不是任何机器的地址",
  "address-not-ip": "不是 IP 地址",
  "address-of-own-machine": "它报告 {address}，其代理程序在本机运行。",
  "address-connected-from": "它报告 {address}，其自身的连接来自该地址。",
  "address-confirmed-by-administrator": "它报告 {address}，已由管理员确认。",
  "address-in-host-network": "它报告 {address}，属于 HOST_NETWORKS 中的 {network}。",
  "address-not-seen-yet": "它报告 {address}，但尚未看到其自身的连接来自该地址。",
  "address-other-than-seen": "它报告 {address}，而其自身的连接来自 {seen_address}。",
  "tunnel-without-port": "其访问进程没有报告供网关使用的端口；它可能没有运行。",
  "tunnel-not-tried": "运行中的网关尚未尝试连接它。",
  "tunnel-direct": "网关通过其自身的地址连接它。",
  "tunnel-reversed": "网关 {gateways} 无法连接它，由它主动连接网关。",
  "tunnel-reversed-because": "网关 {gateways} 无法连接它，由它主动连接网关。{why}",
  "tunnel-missing": "网关 {gateways} 无法连接它，它也没有主动连接。",
  "tunnel-missing-because": "网关 {gateways} 无法连接它，它也没有主动连接。{why}",
});

export const LINK_CHINESE = messagesFor<typeof LINK_CODES>()({
  "nats-away": "NATS 没有响应：指令等待发往主机，用量保留在主机的日志中。",
  "jetstream-missing": "NATS 没有提供 JetStream：用量保留在主机的日志中。",
  "jetstream-without-leader": "JetStream 没有主节点（例如多数服务器不可用时）：用量保留在主机的日志中。",
  "journal-stream-refused": "JetStream 拒绝日志流：用量保留在主机的日志中。",
});
