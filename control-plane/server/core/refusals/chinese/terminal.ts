import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { TERMINAL_CODES } from "../codes/terminal.ts";

export const TERMINAL_CHINESE = messagesFor<typeof TERMINAL_CODES>()({
  "terminal-connection-closed": "环境关闭了连接。",
  "terminal-connection-lost": "与环境的连接已中断。",
  "terminal-unanswered": "环境没有响应。",
  "terminal-not-admitted": "环境尚未允许终端进入。",
  "terminal-host-key-other": "根据主机密钥，那里响应的不是该环境的服务器。",
  "terminal-not-started": "环境无法启动终端。",
  "terminal-not-startable": "无法启动终端：其容器没有可用的 tmux，或已满。",
  "terminal-open-elsewhere": "此终端已在另一个窗口中打开。",
  "terminal-shell-ended": "Shell 已结束。",
  "terminal-page-read-only": "此页面只能读取。",
  "terminal-page-not-built": "无法在此构建终端页面。",
  "terminal-path-unknown": "此处没有内容。",
});
