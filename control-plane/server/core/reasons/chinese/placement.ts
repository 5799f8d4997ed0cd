import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { PLACEMENT_CODES } from "../codes/placement.ts";

export const PLACEMENT_CHINESE = messagesFor<typeof PLACEMENT_CODES>()({
  "host-fits": "现在可以在此运行",
  "host-shared-with-nobody": "正在运行其他付款方的任务，在其软件更新之前不与他人共用",
  "other-storage-pool": "文件在存储池 {wanted_storage_pool}，该主机只能访问 {host_storage_pool}",
  "storage-pool-skipped": "暂时跳过存储池 {storage_pool}：{why}",
  "host-skipped": "上次尝试在此失败，暂时跳过：{why}",
  "label-missing": "没有标签 {label}，需要 {wanted}",
  "label-differs": "标签 {label} 为 {value}，需要 {wanted}",
  "agent-lacks-feature": "代理程序版本过旧：{cannot}",
  "cpu-short": "需要 {requested_cores} 个 CPU 核，空闲 {free_cores} 个",
  "memory-short": "需要内存 {requested_mib} MiB，空闲 {free_mib} MiB",
  "temp-storage-short": "需要临时存储 {requested_mib} MiB，空闲 {free_mib} MiB",
  "gpu-not-on-host": "需要 {wanted}，该主机有 {found} 张",
  "gpus-busy": "需要 {requested} 张 GPU，空闲 {free} 张",

  obstacles: "{why}",
  "at-host": "{host_name}：{why}",
  "host-gone": "主机 {host_id} 已不存在",
  "place-count-wrong": "需要 {requested} 个实例，找到 {found} 个位置",
  "instances-need-own-hosts": "每个实例需要各占一台主机",
  "host-without-confirmed-address": "主机 {host_name} 的地址尚未确认，不能与其他主机一起使用",
  "hosts-kept-apart": "暂时不一起尝试主机 {host_names}",
  "gpu-count-wrong": "需要 {requested} 张 GPU，找到 {found} 张",
  "gpu-gone": "GPU {gpu_uuid} 已不存在",
  "gpu-closed-meanwhile": "{why}",
  "gpu-taken": "GPU {gpu_uuid} 已被占用",
  "gpu-size-changed": "GPU {gpu_uuid} 的大小已改变",
});
