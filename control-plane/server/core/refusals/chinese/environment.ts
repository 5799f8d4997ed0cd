import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ENVIRONMENT_CODES } from "../codes/environment.ts";

export const ENVIRONMENT_CHINESE = messagesFor<typeof ENVIRONMENT_CODES>()({
  "environment-being-deleted": "环境正在删除。",
  "environment-not-on-host": "环境当前为“{status}”；下次启动会重新分配端口。",
  "ports-need-host": "端口在环境运行的主机上打开；该环境当前为“{status}”。",
  "host-ports-full": "主机 {host_name} 不能再保留更多端口。",
  "host-port-missing": "主机没有空闲端口。{why}",
  "host-port-missing-unsaid": "主机没有空闲端口。",
  "port-not-bound": "主机未在 {seconds} 秒内绑定端口，因此请求已撤回。请稍后再试。",
  "ssh-of-image": "由镜像自带的 SSH 服务响应，它不认识我们的密码。",
  "ssh-ticket-unusable": "该处已关闭 SSH，或由镜像自带的服务响应，它不认识我们的密钥。",
  "ssh-ticket-needs-host": "凭票用于运行在其代理程序提供 SSH 的主机上的环境；该环境当前为“{status}”。",
  "ssh-ticket-open": "该处已有密钥 {fingerprint} 的凭票。",
  "ssh-tickets-too-many": "该处已有 {max_tickets} 个凭票，已达上限。",
  "rdp-off": "该环境已关闭 RDP；请开启。",
  "rdp-password-not-made": "环境当前为“{status}”；每次启动在安排后都有自己的密码。",
  "web-links-too-many": "已有 {max_links} 个链接等待使用。",
  "terminal-not-shared": "终端不能分享。",
  "shares-too-many": "已有 {max_shares} 个分享，已达上限。",
  "share-over": "分享 {share_id} 已结束；请重新分享。",
  "share-end-doubled": "与 expires_at 含义相同；请只给出其一",
  "share-end-out-of-range": "必须在未来 {max_days} 天之内",
  "web-domain-missing":
    "此处没有网页入口：没有运行带 WEB_DOMAIN 的网关。可在您的电脑上运行：remotegpu port-forward {environment_name} PORT",
  "service-or-port": "请指定服务或端口之一",
});
