import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ALARM_CODES, ALERT_CODES } from "../codes/alarms.ts";

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
  "gpu-error-unknown": "主机 {host_id} 报告位于 {device} 的 GPU 出现未知错误。{why}",
  "gpu-error-unknown-nowhere": "主机 {host_id} 报告某处的 GPU 出现未知错误。{why}",
  "gpu-of-two-hosts": "主机 {host_id} 的 GPU {gpu_uuid} 同时被主机 {other_host_id} 声明拥有",
  "gpu-not-listed": "GPU {gpu_uuid} 已消失：主机 {host_id} 不再列出它",
  "gpu-out-of-service": "主机 {host_id} 的 GPU {gpu_uuid} 已停止服务。",
  "gpu-out-of-service-because": "主机 {host_id} 的 GPU {gpu_uuid} 已停止服务。{why}",
  "gpus-too-many": "主机 {host_id} 报告的 GPU 超过 {max_gpus} 张；多出的不予采用。",
  "host-isolation-broken": "主机 {host_id} 已停止服务。{why}",
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
  "charge-refused": "{detail}",
  "host-pool-unconfirmed":
    "主机 {host_name}（{host_id}）不接收任何任务：{why}。如果确实属于：{confirmation}。如果不属于：remotegpu host confirm-pool {host_id} --pool {host_id}，它即成为单独的存储池。",
  "confirm-pool": "remotegpu host confirm-pool {host_id}",
  "confirm-pool-of-both":
    "两台主机共用的存储池需要一个不是主机的名称：remotegpu host confirm-pool {host_id} --pool NAME，在此之前对主机 {other_host_id} 执行同样操作，它之前的环境和数据将不再属于任何存储池",
  "host-pool-closed": "主机 {host_name}（{host_id}）：不会在其存储池中读取、写入或安排任何内容：{why}。",
  "host-pool-warning": "主机 {host_name}（{host_id}）：{warning}",
  "journal-stream-away": "{why}每隔几秒会重新查找。NATS 的说明：{detail}",
  "journal-stream-on-one-server": "日志流有 {replicas} 个副本：其 NATS 是单台服务器。",
  "journal-stream-replicated": "日志流有 {replicas} 个副本。",
  "journal-stream-under-replicated":
    "日志流有 {replicas} 个副本，因为集群中没有 {wanted} 台服务器接受它；一旦接受会自动增加。",
  "jetstream-servers": "已发现提供 JetStream 的服务器：{servers} 台（{names}）。",
  "jetstream-servers-none": "没有发现提供 JetStream 的服务器。",
  "nats-refuses": "NATS 的说明：{detail}。",
  "host-agent-unsupported": "主机 {host_name} 不再安排新任务：{why}。在其上运行的任务仍会计量。",
  "host-drill-due":
    "主机 {host_name} 的演练证书有效期为 {days} 天，即将到期；到期后不再安排新任务。请在该主机上重新演练。",
  "journal-server-silent":
    "服务器 {server} 保存日志流 {replicas} 个副本中的一个，现在收不到它的消息：只要大多数副本在，用量仍会进入。",
});

export const ALERT_CHINESE = messagesFor<typeof ALERT_CODES>()({
  "balance-at-threshold": "余额为 {balance}，不高于 {threshold}。",
  "balance-above-threshold": "余额为 {balance}，高于 {threshold}。",
  "nothing-running": "没有正在运行的资源。",
  "money-lasts": "按目前的消耗，余额还可使用 {hours} 小时。",
  "hours-left-warning": "{state}您要求在 {threshold} 小时时提醒。",
  "budget-reached": "{month} 的预算已达到 {percent} %：已花费 {spent}，限额为 {limit}。",
  "budget-left": "{month} 已花费 {spent}；限额为 {limit}。",
  "budget-removed": "{month} 已花费 {spent}；未设置限额。",
  "budget-month-over": "{month} 已结束。",
  "account-normal-again": "账户已恢复正常。",
  "account-money-used-up": "余额已用完。若未付款，运行中的资源将在下一个整点停止。",
  "account-suspended-stopping": "账户已暂停，运行中的资源正在停止。付款后恢复正常。",
  "account-data-at-risk": "账户已逾期 {days} 天：其数据从现在起可能被删除。充值超过欠款后即可解除。",
  "account-data-at-risk-soon":
    "账户已逾期 {days} 天。{days_left} 天后其数据可能被删除；充值超过欠款后即可解除。",
});
