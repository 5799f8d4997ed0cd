import type { SameKeys } from "../../en/same-keys.ts";
import type en from "../../en/workloads/queue.ts";

const words: SameKeys<typeof en> = {
  title: "队列",
  definition: "等待资源的订单，按查看顺序排列。队列每秒更新一次。",
  empty: "没有等待的订单。",
  column: {
    position: "位置",
    order: "订单",
    customer: "客户",
    size: "规模",
    priority: "优先级",
    share: "集群份额",
    waited: "开始等待",
    reason: "等待原因",
    wouldStart: "满足以下条件即可启动",
  },
  kind: {
    environment: "开发环境",
    training: "训练作业",
    inference: "推理服务，副本 {{rank}}",
  },
  size: "{{instances}} × {{gpus}} GPU，{{cpu}} CPU，{{memory}}",
  priorityHint: "在同一工作区内，数值越高越先尝试。",
  more: "逐台主机查看",
  open: "逐台主机查看：{{name}}",
  change: { act: "修改", title: "修改 {{name}}", name: "名称", submit: "保存" },
  cancel: {
    environment: {
      act: "退出队列",
      title: "让 {{name}} 退出队列？",
      stops: "不再等待，重新启动后才会再次排队",
      kept: "环境及其设置和文件",
      charged: "等待不收费；文件照常按存储计费",
    },
    training: {
      act: "取消作业",
      title: "取消 {{name}}？",
      keep: "保留",
      stops: "不再等待，也不会自动重试",
      kept: "作业记录以及之前各次尝试的输出",
      charged: "等待不收费；文件照常按存储计费",
    },
    inference: {
      act: "停止服务",
      title: "停止整个 {{name}}？",
      stops: "所有副本，包括正在运行的副本及其未完成的请求",
      kept: "服务及其版本、密钥和地址",
      charged: "正在运行的副本，直到结束为止",
    },
  },
};
export default words;
