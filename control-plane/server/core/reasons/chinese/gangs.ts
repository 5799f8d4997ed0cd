import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { GANG_CODES } from "../codes/gangs.ts";

export const GANG_CHINESE = messagesFor<typeof GANG_CODES>()({
  "gang-placed": {
    plural: "host_count",
    one: "已安排到 {host_count} 台主机，不计费：{missing}。",
    other: "已安排到 {host_count} 台主机，不计费：{missing}。",
  },
  "gang-host-silent": "已收不到主机 {host_name} 的消息。",
  "gang-not-ready": "{minutes} 分钟内未就绪：{missing}。",
  "rank-fetches-image": "进程 {rank} 正在拉取镜像",
  "rank-being-made": "正在主机 {host_name} 上创建进程 {rank}",
  "rank-reports": "主机 {host_name} 上的进程 {rank}：{why}",
  "more-ranks": { plural: "more", one: "另有 {more} 个进程", other: "另有 {more} 个进程" },
  "more-findings": { plural: "more", one: "另有 {more} 项", other: "另有 {more} 项" },
  "rank-with-other-image":
    "主机 {host_name} 上进程 {rank} 的镜像（{image_id}）与主机 {other_host_name} 上进程 {other_rank} 的镜像（{other_image_id}）不同。",
  "preflight-failed": "启动前检查未通过：{findings}。",
  "rank-finding": "主机 {host_name} 上进程 {rank} 的 {check}：{why}",
  "rank-not-reached":
    "主机 {host_name} 上的进程 {rank} 无法连通主机 {other_host_name} 上的进程 {other_rank}：{why}",
  "rank-host-silent": "收不到主机 {host_name} 的消息",
  "rank-image-unknown": "进程 {rank} 尚未报告其镜像",
  "rank-checks": "进程 {rank} 仍在检查其 {check}",
  "rank-checks-route": "进程 {rank} 仍在检查到进程 {other_rank} 的连接",
  "ranks-about-to-begin": {
    plural: "rank_count",
    one: "启动前检查已通过；{rank_count} 个进程即将开始：{ranks}。",
    other: "启动前检查已通过；{rank_count} 个进程即将开始：{ranks}。",
  },
  "ranks-lost": "{ranks}。",
  "rank-lost-silent": "进程 {rank}：已收不到主机 {host_name} 的消息",
  "rank-lost-frozen": "进程 {rank}：其在主机 {host_name} 上的容器已从外部被冻结 {seconds} 秒",
  "rank-lost-unbegun": "进程 {rank}：放行后 {minutes} 分钟内未在主机 {host_name} 上开始",
  "gang-network-broken": "进程之间的网络中断：{ranks}。",
  "rank-cut-off": "进程 {rank} 收不到来自 {others} 的消息",
  "rank-on-host": "主机 {host_name} 上的进程 {rank}",
  "network-address": "{address}",
});
