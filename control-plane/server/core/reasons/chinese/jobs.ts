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
});
