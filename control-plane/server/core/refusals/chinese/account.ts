import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ACCOUNT_CODES } from "../codes/account.ts";

export const ACCOUNT_CHINESE = messagesFor<typeof ACCOUNT_CODES>()({
  "account-data-not-at-risk": "客户 {username} 的数据没有风险：只有逾期 60 天的账户才如此。",
  "username-not-confirmed": "不是该客户的用户名",
  "own-account-locked-out": "会使您无法进入自己的账户",
  "username-taken": "用户名 {username} 已被使用。",
  "email-taken": "电子邮箱 {email} 已被使用。",
  "promotion-beyond-own-key":
    "此账户的密钥权限比您的更大或有效期更长：{key_ids}。请先吊销它们，或使用同等权限的密钥。",
  "setting-malformed": "必须为 {form}",
  "audit-target-kind-missing": "需要同时指定 target_kind",
  "credentials-too-many": "已有 {max_credentials} 个凭据。",
  "registry-malformed": "必须是镜像名开头的仓库名，例如 ghcr.io",
  "ssh-keys-too-many": "已有 {max_keys} 个密钥，已达上限；请先移除一个。",
  "ssh-key-known": "密钥 {fingerprint} 已存在。",
  "ssh-key-opens-nothing": "不是可用的密钥",
  "workspace-personal": "个人工作区与其账户同在。",
  "workspace-has-workloads": "工作区 {workspace_id} 仍有 {workloads} 个工作负载；请先删除它们。",
  "owner-role-fixed": "所有者的角色不能更改。",
  "owner-cannot-leave": "所有者不能离开工作区。",
  "invitations-of-workspace-too-many":
    "工作区已有 {max_invitations} 个待处理的邀请；请撤回一些，或等待它们被接受或过期。",
  "invitations-of-inviter-too-many":
    "您已有 {max_invitations} 个待处理的邀请；请撤回一些，或等待它们被接受或过期。",
  "invitations-of-day-too-many": "您在一天内已发送 {max_invitations} 个邀请；请稍后再发送。",
  "invitation-of-one": "请给出电子邮箱或用户名之一",
  "webhook-off": "Webhook {webhook_id} 已关闭。",
  "webhook-test-in-progress": "Webhook {webhook_id} 的测试正在进行。",
  "webhooks-too-many": "已有 {max_webhooks} 个 Webhook。",
  "alarm-webhook-of-customer": "alarm 仅供管理员使用",
});
