import type { SameKeys } from "../en/same-keys.ts";
import type en from "../en/work.ts";

const words: SameKeys<typeof en> = {
  rule: {
    loading: "加载",
    "gpu-lost": "GPU 丢失",
    "host-died": "主机故障",
    "never-ready": "从未就绪",
    "gang-broken": "协同任务中断",
    "stop-by-person": "人工停止",
    "stop-by-rule": "按规则停止",
    suspension: "账户暂停",
    "host-stop": "主机腾空、失联或丢失，或重新放置",
    "before-rules": "规则命名之前的停止",
  },
  filter: { name: "名称包含", status: "状态", any: "全部" },
  owner: "所有者",
  once: "仅显示这一次",
  form: {
    submit: "下单",
    cancel: "返回列表",
    advanced: "更多",
    variables: "环境变量",
  },
};
export default words;
