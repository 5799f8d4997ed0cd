import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { JOB_CODES } from "../codes/job.ts";

export const JOB_CHINESE = messagesFor<typeof JOB_CODES>()({
  "output-held": "第 {attempt} 次尝试仍有容器；可移除其中的内容。",
  "job-without-output": "作业尚未运行，没有输出。",
  "attempt-zero": "从 1 开始计数",
  "path-names-no-attempt": "必须指定一次尝试或其中的内容",
  "path-outside-attempts": "必须为 attempt-1 或作业的其他尝试，或位于其下",
  "code-doubled": "与 code_id 是同一代码的两个位置：请只指定其一",
  "code-environment-not-run": "是尚未运行的环境：没有代码",
  "code-environment-deleting": "是正在删除的环境",
  "code-environment-unknown": "不是您的环境",
  "code-not-whole": "不是您已完整上传的代码；请重新上传",
  "replicas-out-of-bounds": "必须在 min_replicas（{min_replicas}）与 max_replicas（{max_replicas}）之间",
  "service-key-named": "它已有名为 {name} 的密钥；副本以名称区分密钥。",
  "service-keys-too-many": "它已有 {max_keys} 个有效密钥。",
  "replica-draining": "副本 {rank} 正在排空，不再接收新请求，因此不再提供其指标。",
  "replica-not-up": "副本 {rank} 未运行，因此没有其指标：当前为 {state}。",
  "replica-unreachable": "暂时无法连接副本 {rank}：{detail}",
  "replica-without-metrics": "副本 {rank} 不提供指标：{detail}",
});
