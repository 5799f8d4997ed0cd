import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { PLACEMENT_CODES, GPU_REQUEST_CODES, IMPOSSIBILITY_CODES } from "../codes/placement.ts";

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

export const GPU_REQUEST_CHINESE = messagesFor<typeof GPU_REQUEST_CODES>()({
  "no-gpu": "不需要 GPU",
  "whole-gpus": "{count} × {model}",
  "whole-gpus-with-memory": "{count} × {model}，每张至少 {least_mib} MiB",
  "gpu-slice": "{model} 的一个切片（{size}）",
  "slice-share": "千分之 {thousandths}",
  "slice-memory": "{memory_mib} MiB",
  "slice-memory-and-share": "{memory_mib} MiB、千分之 {thousandths}",
  "any-gpu": "GPU",
  "one-gpu": "一张 GPU",
  "priced-gpu": "有价格的 GPU",
  "gpu-models": "{models}",
});

export const IMPOSSIBILITY_CHINESE = messagesFor<typeof IMPOSSIBILITY_CODES>()({
  "label-on-no-host": "需要带标签 {label} 的主机，而没有{place}有此标签",
  "nothing-on-any-host": "需要{wanted}，而没有{place}有",
  "beyond-largest-host": "需要 {requested}，而单台{place}最多有 {most}",
  "places-too-few": "需要 {requested} 个实例，而即使全部空闲也只能容纳 {room} 个",
  "own-hosts-too-few": "需要 {requested} 个实例，各占一台主机，而即使全部空闲也只能容纳 {room} 个",
  "any-host": "主机",
  "any-host-of-pool": "存储池 {storage_pool} 的主机",
  "any-host-with": "有 {qualities} 的{place}",
  "host-label": "标签 {label}",
  cores: { plural: "cores", one: "{cores} 个 CPU 核", other: "{cores} 个 CPU 核" },
  memory: "{mib} MiB 内存",
  "temp-storage": "{mib} MiB 临时存储",
  "memory-on-each-gpu": "每张 {model} {mib} MiB",
  "gpus-with-memory": "{count} × {model}（{mib} MiB）",
});
