import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ORDER_CODES } from "../codes/orders.ts";

export const ORDER_CHINESE = messagesFor<typeof ORDER_CODES>()({
  "account-overdue": "账户已欠费；充值后恢复正常",
  "account-suspended": "账户已暂停；充值后恢复正常",
  "account-suspended-until-paid": "账户已暂停，付款后恢复。",
  "account-missing": "没有这个账户",
  "balance-not-positive": "余额不足",
  "balance-too-small": "余额不足以支付届时所有运行资源 {minutes} 分钟的费用",
  "customer-quota-exceeded": "客户的 {quota} 为 {limit}：已用 {used}，另需 {requested}",
  "workspace-quota-exceeded": "工作区的 {quota} 为 {limit}：已用 {used}，另需 {requested}",
  "customer-size-quota-exceeded":
    "客户的 {quota} 为 {limit_bytes}：已用 {used_bytes}，另需 {requested_bytes}",
  "workspace-size-quota-exceeded":
    "工作区的 {quota} 为 {limit_bytes}：已用 {used_bytes}，另需 {requested_bytes}",
  "upload-beyond-quota": "{why}",
  "upload-refused": "{field}：{why}",
  "waiting-orders-too-many": {
    plural: "more",
    one: "付款方已有 {waiting} 个订单在等待资源，再加一个将超过上限 {max_waiting}：请在其中一些启动或取消后再下单。",
    other:
      "付款方已有 {waiting} 个订单在等待资源，再加 {more} 个将超过上限 {max_waiting}：请在其中一些启动或取消后再下单。",
  },
  "mount-not-found": "没有您可以挂载的{thing}。",
  "mount-uploading":
    "{thing}正在上传：尚无内容。管理员将文件放入其 storage_path 所指的文件夹，然后将其标记为就绪。",
  "mount-failed": "{thing}处于错误状态：需要管理员检查其文件，然后将其标记为就绪。",
  "mount-outside-pools": "{thing}不能挂载：其 storage_path 不是存储池中的文件夹。请管理员另行设置。",
  "registry-not-listed": "不允许使用 {registry} 的镜像；可以使用：{allowed}",
  "registry-not-public": "不允许使用 {registry} 的镜像（{why}）；可以使用任何公共镜像仓库，须写其名称",
  "registry-name-malformed": "它不是镜像仓库的名称",
  "registry-is-host": "它是主机自身",
  "registry-is-address": "它是地址而不是名称",
  "registry-is-inner": "它是内部网络的名称",
  "order-never-fits": "{why}",
});
