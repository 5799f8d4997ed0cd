import type { FINDING_CODES } from "@remotegpu/shared/reasons/host-reports/codes/gangs";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const FINDING_CHINESE = messagesFor<typeof FINDING_CODES>()({
  "rank-answers": "{rank_name}（{address}）响应 {packet_bytes} 字节的数据包。",
  "rank-answers-small-packets":
    "{rank_name}（{address}）响应小数据包，但不响应 {packet_bytes} 字节的数据包：途中有设备不接受这样的数据包。",
  "rank-does-not-answer": "{rank_name}（{address}）不响应 {packet_bytes} 字节的数据包。",
  "clock-in-time": "主机时钟与控制平面相差不到一秒。",
  "clock-ahead": "主机时钟比控制平面快 {seconds} 秒。",
  "clock-behind": "主机时钟比控制平面慢 {seconds} 秒。",
  "disk-nearly-full": "主机有一个磁盘即将写满。",
  "disks-have-room": "主机磁盘有空间。",
  "shared-memory-as-ordered": "其共享内存为 {ordered_mib} MiB。",
  "shared-memory-too-small": "其共享内存为 {found_mib} MiB，而订单要求 {ordered_mib} MiB。",
  "shared-memory-missing": "没有共享内存，而订单要求 {ordered_mib} MiB。",
});
