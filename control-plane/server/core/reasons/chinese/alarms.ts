import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ALARM_CODES } from "../codes/alarms.ts";

export const ALARM_CHINESE = messagesFor<typeof ALARM_CODES>()({
  "host-requests-too-many": "主机 {host_id} 的请求多于任何代理程序。超出其份额的将被丢弃；其他主机不受影响。",
  "placement-start-overdue":
    "主机 {host_name} 未按时启动它。它占用的资源仍被占用；下令停止后，之后的时间不计费。不会恢复的主机需声明为丢失。",
  "placement-stop-overdue":
    "主机 {host_name} 未按时确认停止。它占用的资源仍被占用；下令停止后，之后的时间不计费。不会恢复的主机需声明为丢失。",
  "placement-removal-overdue":
    "主机 {host_name} 未按时确认已移除。它占用的资源仍被占用；下令停止后，之后的时间不计费。不会恢复的主机需声明为丢失。",
  "gpu-used-by-stranger":
    "主机 {host_id} 的 GPU {gpu_uuid} 正被不属于我们的{process}使用：在其结束之前不会安排任何任务。",
  "gpu-shared-with-stranger":
    "主机 {host_id} 的 GPU {gpu_uuid} 正被不属于我们的{process}使用：它与安排在此的任务同时运行。",
  "process-with-name": "进程 {pid}（{process_name}）",
  "process-without-name": "进程 {pid}",
  "instance-placed-by-nobody":
    "主机 {host_id} 正在运行实例 {instance_id}（第 {epoch} 次安排），而没有人将其安排在此。",
  "gpus-closed-under-payer":
    "一天之内，客户 {customer_id} 付费的 {runs} 个运行中有 GPU 在 {hosts} 台主机上停用：{closures}。可能是其程序所致。",
  "gpu-error-unknown": "主机 {host_id} 报告位于 {device} 的 GPU 出现未知错误。{detail}",
  "gpu-error-unknown-nowhere": "主机 {host_id} 报告某处的 GPU 出现未知错误。{detail}",
  "gpu-of-two-hosts": "主机 {host_id} 的 GPU {gpu_uuid} 同时被主机 {other_host_id} 声明拥有",
  "gpu-not-listed": "GPU {gpu_uuid} 已消失：主机 {host_id} 不再列出它",
  "gpu-out-of-service": "主机 {host_id} 的 GPU {gpu_uuid} 已停止服务。",
  "gpu-out-of-service-because": "主机 {host_id} 的 GPU {gpu_uuid} 已停止服务。{detail}",
  "gpus-too-many": "主机 {host_id} 报告的 GPU 超过 {max_gpus} 张；多出的不予采用。",
  "host-isolation-broken": "主机 {host_id} 已停止服务。{detail}",
  "heartbeats-refused": "主机 {host_id} 的心跳被拒绝：{why}。",
  "join-token-used-twice": "已由密钥 {nkey}（主机 {host_id}）使用，之后又用密钥 {other_nkey} 尝试。",
  "host-begins-too-often":
    "不再采纳主机 {host_id} 的消息：它在一天内已开始 {max_begun} 次 {thing}，又报告了一次。",
  "host-bytes-differ-from-sealed":
    "存储池 {storage_pool} 的主机 {host_name}（{host_id}）上，{folder} 中版本 {version} 的内容与封存时不同。在清除此告警之前，将优先读取该存储池的其他主机。",
  "stored-bytes-beyond-pool":
    "主机 {host_id} 声称在 {hour} 这一小时工作区 {workspace_id} 有 {bytes} 字节，其中最多 {most_bytes} 可能在此；超出部分不计费",
  "stored-bytes-beyond-pool-of-several":
    "主机 {host_id} 声称在 {hour} 这一小时工作区 {workspace_id} 有 {bytes} 字节，其中最多 {most_bytes} 可能在此，另有 {others} 个工作区；超出部分不计费",
  "stored-bytes-of-stranger":
    "主机 {host_id} 声称在 {hour} 这一小时工作区 {workspace_id} 有 {bytes} 字节，而它在此已没有或从未有内容；不计费",
  "stored-bytes-of-strangers":
    "主机 {host_id} 声称在 {hour} 这一小时工作区 {workspace_id} 有 {bytes} 字节，而它在此已没有或从未有内容，另有 {others} 个工作区；不计费",
  "day-beyond-balance": "客户 {customer_id} 的 {amount} 超过余额的容量",
  "run-beyond-balance": "客户 {customer_id} 的 {amount} 超过余额或记录的容量；该运行不计费",
  "usage-row-refused": "运行 {run_id} 的第 {row} 行：{detail}",
  "host-claims-disbelieved": "主机 {host_id} 报告：{claims}。",
  "run-cannot-end": "主机 {host_id} 无法结束 {workload} 的运行 {run_id}。",
  "run-cannot-end-because": "主机 {host_id} 无法结束 {workload} 的运行 {run_id}。{detail}",
  "run-unknown-to-runtime":
    "主机 {host_id} 发现 {workload} 的运行 {run_id} 的进程，而其容器运行时对此一无所知。",
  "run-unknown-to-runtime-because":
    "主机 {host_id} 发现 {workload} 的运行 {run_id} 的进程，而其容器运行时对此一无所知。{detail}",
  "host-program-vulnerable": "主机 {host_name}，{findings}",
  "host-programs-vulnerable":
    "在没有单独告警的主机上（发现时为 {hosts} 台），其中包括 {host_name}，{findings}",
});
