import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { FILE_CODES } from "../codes/file.ts";

export const FILE_CHINESE = messagesFor<typeof FILE_CODES>()({
  "path-doubled": "用来代替 path",
  "path-outside-environment": "必须为 /gemini/code 或 /gemini/output，或位于其下",
  "path-names-no-file": "必须指定 /gemini/code 或 /gemini/output 下的文件",
  "path-not-a-file": "必须指定一个文件",
  "digest-malformed": "必须为 sha-256=:…:",
  "length-missing": "为必需",
  "part-too-large": "一个分块最多 {max_bytes} 字节。",
  "link-unknown": "不是在此创建的链接",
  "link-expired": "此链接已过期；请重新获取。",
  "link-key-closed": "创建此链接的密钥不能再打开它。",
  "files-in-parts-unknown": "其主机的代理程序版本过旧，不能分块接收文件；可整体发送。",
  "pool-unreachable": "目前收不到存储池 {storage_pool} 任何主机的消息。",
  "host-not-serving-files": "主机 {host_name} 暂不提供文件：{detail}",
  "host-answer-unknown": "其主机的响应与请求不符。",
  "sealed-bytes-differ": "主机 {host_name} 上的内容与封存时不同。",
  "host-proves-nothing": "主机 {host_name} 未证明其内容：{detail}",
  "host-answer-other": "其主机给出了其他响应。",
  "sealed-file-lost": "其主机其间丢失了该文件。",
  "file-not-sealed": "其主机在那里有一个未封存的文件。",
  "host-answer-late": "其主机未在 {seconds} 秒内完成响应。",
  "completions-too-many": "其他上传正在完成；请稍后再试。",
  "environment-without-files": "环境尚未运行，没有文件。",
  "cursor-of-folder": "指向文件夹，而该处是文件",
});
