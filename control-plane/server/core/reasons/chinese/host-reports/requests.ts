import type {
  COMMAND_REFUSAL_CODES,
  OUTPUT_REFUSAL_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/requests";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const COMMAND_REFUSAL_CHINESE = messagesFor<typeof COMMAND_REFUSAL_CODES>()({
  "command-not-on-host": "它现在没有在该主机上运行。",
  "command-awaits-gang": "正在等待所有进程就绪后一起开始。",
  "command-closed-early": "命令在结束前被放弃并已终止。",
  "command-container-down": "容器没有运行。",
  "command-overdue": "命令未在 {seconds} 秒内结束，已被终止。",
  "command-failed": "命令无法运行",
  "commands-of-container-too-many": "其中已有 {commands} 个命令正在运行。",
  "commands-of-host-too-many": "该主机上已有 {commands} 个命令正在运行",
});

export const OUTPUT_REFUSAL_CHINESE = messagesFor<typeof OUTPUT_REFUSAL_CODES>()({
  "output-of-run-missing": "该主机上没有（或不再有）运行 {run_id} 的任何内容。",
  "output-of-service-missing": "{service} 的输出保存在其容器中，而容器没有运行。",
  "output-unreadable": "现在无法读取其输出",
  "output-agent-ending": "代理程序正在结束",
  "output-readers-of-host-too-many": "已有 {sessions} 个会话在读取该主机的输出",
  "output-readers-of-run-too-many": "已有 {sessions} 个会话在读取 {run_id} 的输出",
});
