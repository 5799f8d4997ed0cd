import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { IMPOSSIBILITY_CODES } from "../codes/impossibility.ts";

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
