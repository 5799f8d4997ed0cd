import type { SameKeys } from "../same-keys.ts";
import type en from "../en/queue.ts";

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
    waited: "开始等待",
    reason: "等待原因",
    wouldStart: "满足以下条件即可启动",
  },
  size: "{{instances}} × {{gpus}} GPU，{{cpu}} CPU，{{memory}}",
  priorityHint: "数值越高越先查看。",
};
export default words;
