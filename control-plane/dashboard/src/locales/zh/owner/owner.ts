import type { SameKeys } from "../../en/same-keys.ts";
import type en from "../../en/owner/owner.ts";

const words: SameKeys<typeof en> = {
  alarms: {
    title: "告警",
    definition: "需要有人查看的事项，最新的在前。清除后若仍存在，会再次告警。",
    raised: "发生",
    kind: "类型",
    subject: "对象",
    detail: "问题与处理办法",
    cleared: "清除",
    clear: "清除告警 {{id}}",
    ofState: "范围",
    all: "全部",
    open: "未清除",
    ofKind: "只看此类型",
    ofSubject: "只看此对象",
  },
  audit: {
    title: "审计",
    definition: "谁请求了哪些更改及其结果，包括被拒绝的；最新的在前。",
    at: "时间",
    actor: "操作者",
    action: "操作",
    target: "对象",
    outcome: "结果",
    problem: "原因",
    ofActor: "操作者（用户名或编号）",
    ofAction: "只看此操作",
    ofKind: "只看此类对象",
    ofTarget: "只看此编号的对象",
    ofOutcome: "只看此结果",
    since: "从",
    until: "到",
    all: "全部",
    number: "客户 {{id}}",
    outcomes: { done: "完成", repeated: "重复", refused: "被拒绝", failed: "失败" },
  },
  settings: {
    title: "设置",
    definition: "对整个集群生效。更改无需重启，自下一个订单起生效。",
    normally: "可填 {{values}}；默认 {{value}}",
    save: "保存",
    saveIt: "保存 {{key}}",
    changed: "更改于",
  },
};
export default words;
