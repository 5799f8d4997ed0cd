import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { SIGN_ON_CODES } from "../codes/sign-on.ts";

export const SIGN_ON_CHINESE = messagesFor<typeof SIGN_ON_CODES>()({
  "sign-on-provider-away": "身份提供方没有响应；请使用密钥登录，或稍后再试。",
  "sign-on-denied": "身份提供方报告：登录在那里被拒绝或取消。",
  "sign-on-code-spent": "身份提供方不接受此次登录的代码：它已被使用或已过期。请重新登录。",
  "sign-on-provider-refused": "身份提供方拒绝了登录：{error}。",
  "sign-on-answer-invalid":
    "身份提供方的响应未被接受：检查 {check} 未通过。管理员可在单点登录的文档中了解更多。",
  "sign-on-state-missing": "此浏览器没有开始任何登录，或其 Cookie 已被删除；请允许 Cookie 并重新登录。",
  "sign-on-state-mismatch": "这是另一次登录的响应，而不是此浏览器最近一次登录的；请重新登录。",
  "sign-on-state-expired": "此次登录耗时过长；请重新登录。",
  "sign-on-device-expired": "代码没有及时确认，或已被使用；请重新登录。",
  "sign-on-device-unknown": "此次登录在这里未知；请重新登录。",
  "sign-on-device-unsupported": "身份提供方不支持命令行登录（设备授权）；请使用 API 密钥登录。",
  "identity-unknown":
    "这里没有与您关联的账户：请向管理员索取邀请，或请其关联您的身份，其主体标识为 {subject}。",
  "identity-linked": "此身份已与一个账户关联。",
  "identity-invitation-spent": "此邀请未知、已过期或已使用；请索取新的邀请。",
  "identity-invitations-too-many": "此账户有 {max_invitations} 个邀请等待使用。",
  "identities-too-many": "已有 {max_identities} 个身份与此账户关联，已达上限。",
  "identity-email-unverified": "没有创建账户：身份提供方没有说明您的电子邮件地址已经过验证。",
  "identity-email-taken": "没有创建账户：已有账户使用您的电子邮件地址。管理员可以将您的身份与它关联。",
  "identity-subject-malformed": "只能包含可打印的 ASCII 字符",
  "identity-beyond-own-key":
    "关联的身份没有期限，并拥有其账户的全部权限：有期限或缺少权限的密钥不能关联身份。",
});
