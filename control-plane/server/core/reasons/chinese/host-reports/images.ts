import type { IMAGE_REPORT_CODES } from "@remotegpu/shared/reasons/host-reports/codes/images";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const IMAGE_REPORT_CHINESE = messagesFor<typeof IMAGE_REPORT_CODES>()({
  "image-refused": "镜像仓库拒绝：镜像为私有，或凭据错误。",
  "image-not-found": "没有这个镜像。",
  "image-registry-slow": "镜像仓库太慢。",
  "image-registry-unreachable": "无法连接镜像仓库。",
  "image-registry-not-allowed": "此处不允许使用该仓库的镜像。",
  "image-without-room": "主机没有空间存放该镜像。",
  "image-of-other-platform": "该镜像不适用于这种机器。",
  "image-fetch-failed": "无法获取该镜像。",

  "image-pulling": "正在拉取镜像 {image}。",
  "image-pulling-mib": "正在拉取镜像 {image}：已完成 {layers_done}/{layers} 层，{done_mib}/{total_mib} MiB。",
  "image-pulling-gib": "正在拉取镜像 {image}：已完成 {layers_done}/{layers} 层，{done_gib}/{total_gib} GiB。",
  "image-pull-queued": "镜像 {image} 的拉取正在等待其他拉取。",
  "image-pull-repeated": "稍后将再次尝试拉取镜像 {image}。",
  "image-registry-paused": "镜像 {image} 的仓库响应不佳；稍后再试。",
  "image-awaits-credentials": "镜像 {image} 正在等待其仓库的凭据。",
  "image-awaits-runtime": "镜像 {image} 的拉取正在等待容器运行时。",
  "image-awaits-room": "镜像 {image} 正在等待主机磁盘空间。",
  "image-not-on-offer": "该主机没有提供镜像 {image}，也未能获取。{why}",
  "image-id-not-on-offer": "该主机没有提供镜像 {image}，而镜像 ID 无法拉取。",
  "image-content-differs": "该主机上的镜像 {image} 为 {found_id}，而订单要求 {ordered_id}。",
});
