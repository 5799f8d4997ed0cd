import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { JOB_CODES } from "../codes/jobs.ts";

export const JOB_CHINESE = messagesFor<typeof JOB_CODES>()({
  "job-placed": "已安排到主机 {host_name}，开始运行前不计费。",
  "job-placed-on-hosts": "已安排到 {host_count} 台主机，所有进程开始运行前不计费：{hosts}。",
  "job-start-overdue": "主机 {host_name} 未能在 {minutes} 分钟内启动作业。",
  "job-at-time-limit": "已运行到 config.max_minutes 允许的时长。",
  "stop-overdue": "主机 {host_name} 未按时确认停止；指令仍有效，之后的时间不计费。",
  "job-confirmed": "已确认。{next}",
  "attempt-ordered": "已下令进行第 {attempt} 次尝试。{next}",
  "first-rank-ended": "进程 0 已结束；其余进程随之结束。",
  "job-did-nothing": "它已没有任何活动。",
  "last-attempt": "{why}这是第 {attempt} 次尝试，也是最后一次。",
  "next-attempt-elsewhere": "{why}第 {attempt} 次尝试将在另一台主机上进行（重试 {used}/{allowed}）。",
  "next-attempt-after-pause":
    "{why}第 {attempt} 次尝试将在 {pause_seconds} 秒后进行（重试 {used}/{allowed}）。",
  "log-rule-ends": "按日志规则“{rule}”，不再重试。",
  "log-rule-avoids-host": "按日志规则“{rule}”，避开该主机。",
  "job-idle": "它已没有任何活动：没有输出、没有网络流量，处理器和 GPU 几乎空闲。",
  "ranks-idle":
    "全部 {ranks} 个进程都已没有任何活动：没有输出、相互之间没有网络流量，处理器和 GPU 几乎空闲。",
  "left-ranks-idle":
    "剩余的所有进程都已没有任何活动：没有输出、相互之间没有网络流量，处理器和 GPU 几乎空闲。",
  "idle-with-waits": "{why}{waits}。",
  "rank-waits": "进程 {rank}：{processes}",
  "processes-wait": "{processes}",
  "no-process-seen": "没有看到程序",
  "process-in-state": "{processes}（{state}）",
  "process-in-call": "{processes}（{state}，{waits_in}）",
  "more-ranks-wait": "另有 {more} 个进程",
  "container-frozen": "其在主机 {host_name} 上的容器被冻结：它从外部被暂停，其中的程序都不再运行。",
  "ranks-frozen": "{ranks}：它从外部被暂停，其中的程序都不再运行。",
  "rank-frozen": "主机 {host_name} 上的进程 {rank} 被冻结",
  "job-goes-on": "它又有活动了。",
});
