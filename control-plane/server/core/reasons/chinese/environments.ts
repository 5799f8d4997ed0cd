import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ENVIRONMENT_CODES } from "../codes/environments.ts";

export const ENVIRONMENT_CHINESE = messagesFor<typeof ENVIRONMENT_CODES>()({
  "environment-starting": "主机 {host_name} 正在获取容器所需内容并启动它。",
  "environment-stopping": "主机 {host_name} 正在停止容器。",
  "environment-restarting": "主机 {host_name} 正在停止并重新启动容器。",
  "environment-deleting": "主机 {host_name} 正在停止并移除容器。",
  "environment-start-overdue": "主机 {host_name} 未能在 {minutes} 分钟内启动容器。",
  "environment-stop-overdue":
    "主机 {host_name} 未在 {minutes} 分钟内确认停止；指令仍有效，之后的时间不计费。",
  "environment-deletion-overdue": "主机 {host_name} 未在 {minutes} 分钟内确认移除；主机响应后即完成。",
  "runs-on-hosts": "在 {host_count} 台主机上运行：{hosts}。",
  "run-left-nothing": "主机上不再有它的内容。",
  "run-restarted": "重启：在原处开始新的运行。",
  "lost-with-host": "所在主机已被声明为丢失。自最后一次收到其消息起的时间不计费。",
  "start-forgotten-by-restore":
    "数据库已恢复到较早的时刻，不知道在其主机上运行的这次启动。请重新启动以接管；在此之前不会干预它。",
  "stopped-unused": "已停止：{minutes} 分钟内无人使用。{figures}",
  "idle-stop-due": "若不使用，将于 {at} 停止。{figures}",
  "environment-unused": "自 {since} 起无人使用，处理器使用率最高为单核的 {cpu_percent} %。",
  "environment-unused-with-gpus":
    "自 {since} 起无人使用，GPU 使用率最高为 {gpu_percent} %，处理器使用率最高为单核的 {cpu_percent} %。",
});
