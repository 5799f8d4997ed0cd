import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { IMAGE_CODES } from "../codes/images.ts";

export const IMAGE_CHINESE = messagesFor<typeof IMAGE_CODES>()({
  "image-fetch-queued": "轮到时主机 {host_name} 会获取镜像；{place}。",
  "image-fetching": "主机 {host_name} 正在获取镜像；{place}。",
  "image-fetching-progress": "主机 {host_name} 正在获取镜像（{progress}）；{place}。",
  "no-gpu-held": "其间不占用 GPU",
  "place-being-returned": "其占用的位置正在归还",
  "image-layers-done": "已完成 {layers_done}/{layers} 层",
  "image-mib-done": "{done_mib}/{total_mib} MiB",
  "image-gib-done": "{done_gib}/{total_gib} GiB",
  "image-fetched": "主机 {host_name} 已获取镜像。",
  "image-fetch-unneeded": "主机 {host_name} 不再需要获取镜像。",
  "image-fetch-not-begun": "主机 {host_name} 一直没有轮到获取该镜像。",
  "image-host-away": "主机 {host_name} 无法继续获取镜像。",
});
