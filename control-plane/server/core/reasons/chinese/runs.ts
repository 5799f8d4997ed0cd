import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { RUN_CODES, GPU_FAULT_CODES, WAIVER_CODES } from "../codes/runs.ts";

export const RUN_CHINESE = messagesFor<typeof RUN_CODES>()({
  "stopped-by-administrator": "管理员停止了它。",
  "stopped-without-funds": "因账户余额用完而停止。",
  "stopped-by-control-plane": "RemoteGPU 停止了它。",
  "stopped-at-limit": "因超出限制而停止。",
  "run-stopped": "它已被停止。",
  "container-restarting": "容器正在重新启动。",
  "container-ended": "容器已结束：{problem}。",
  "command-ended": "命令以退出码 {exit_code} 结束。",
  "run-lost-with-host": "其所在主机已被宣告丢失。自最后一次收到该主机消息起的时间不计费。",
  "run-ended-before-restore": "它在数据库恢复到的时刻之后已结束。",
  "at-rank": "进程 {rank}：{what}",
  "problem-image-missing": "缺少镜像",
  "problem-mount-missing": "缺少挂载",
  "problem-gpu-missing": "缺少 GPU",
  "problem-gpu-failed": "GPU 故障",
  "problem-runtime-error": "运行时错误",
  "problem-runtime-down": "运行时没有响应",
  "problem-start-refused": "启动被拒绝",
  "problem-exited": "程序退出",
  "problem-out-of-memory": "内存用尽",
  "problem-storage-exceeded": "存储超限",
  "problem-disk-filled": "磁盘占满",
  "problem-container-lost": "容器丢失",
  "problem-probe-failed": "探测失败",
  "problem-runtime-disagrees": "运行时状态不一致",
  "problem-not-ending": "无法结束",
  "problem-unknown": "原因不明",
  "state-stopped": "已停止",
  "state-failed": "失败",
  "state-lost": "已丢失",
  "state-placed": "已安排",
  "state-starting": "启动中",
  "state-ready": "就绪",
  "state-stopping": "停止中",
  "account-suspended-and-stopped": "账户已暂停：余额已用完。充值后恢复正常。",
  "cancelled-by": "由 {actor} 取消。",
  "deleted-by": "由 {actor} 删除。",
  "stopped-by": "由 {actor} 停止。",
});

export const WAIVER_CHINESE = messagesFor<typeof WAIVER_CODES>()({
  "gpu-broken-between": "{gpu_uuid} 在 {last_good_at} 最后一次正常，在 {noticed_at} 故障。",
  "gpu-broken-between-because": "{gpu_uuid} 在 {last_good_at} 最后一次正常，在 {noticed_at} 故障（{why}）。",
  "gpu-vanished-between": "{gpu_uuid} 在 {last_good_at} 最后一次正常，在 {noticed_at} 消失。",
  "gpu-vanished-between-because":
    "{gpu_uuid} 在 {last_good_at} 最后一次正常，在 {noticed_at} 消失（{why}）。",
  "gpu-vanished-later": "{what}，并在 {vanished_at} 消失。",
  "gpu-recovered-at": "{what}；在 {recovered_at} 恢复正常。",
  "host-died-between":
    "最后一次收到主机 {host_name} 的消息是在 {last_heard_at}，在 {noticed_at} 发现它已重新启动。",
  "host-lost-between":
    "最后一次收到主机 {host_name} 的消息是在 {last_heard_at}，在 {noticed_at} 被声明为丢失。",
  "instance-ready-again": "{what}；实例在 {ready_again_at} 重新就绪。",
  "run-never-ready": "于 {ordered_at} 下令，一直没有就绪。",
  "run-never-ready-failed": "于 {ordered_at} 下令，在失败之前一直没有就绪。",
  "run-never-ready-stopped": "于 {ordered_at} 下令，在被{by}停止之前一直没有就绪。",
  "with-detail-of-host": "{what}其主机的说明：{detail}",
  "by-its-customer": "其客户",
  "by-an-administrator": "管理员",
  "by-lack-of-money": "余额不足",
  "by-a-limit": "限制",
  "by-control-plane": " RemoteGPU ",
  "rank-without-others": "{why}缺少该进程，其余进程没有意义。",
  "replica-loading-free":
    "加载中的副本对付款人免费，每次一个，每小时（UTC）{minutes} 分钟；这是从 {hour} 起的一小时。",
});

export const GPU_FAULT_CHINESE = messagesFor<typeof GPU_FAULT_CODES>()({
  "gpu-fault": "{why}（{fault_code}）",
  "gpu-fault-unexplained": "其主机未说明原因",
  "gpu-not-listed-by-host": "它已消失：其主机不再列出它。",
  "gpu-failed": "{gpu_uuid} 已故障：{why}。",
  "gpu-shows-sign":
    "{gpu_uuid} 出现故障迹象：{why}。如果下一次读数证实，其最后一次正常读数之后的时间不计费。",
  "gpu-closed-to-new": "{gpu_uuid} 不再接收新任务：{why}。其上正在运行的任务继续运行。",
  "gpu-had-failed": "其结束时 {gpu_uuid} 已故障：{why}。该卡最后一次正常读数之后的时间不计费。",
  "gpu-had-shown-sign": "其结束时 {gpu_uuid} 出现故障迹象：{why}。该卡最后一次正常读数之后的时间不计费。",
});
