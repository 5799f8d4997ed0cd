import type {
  LEASE_REPORT_CODES,
  SERVICE_REPORT_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/leases";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const LEASE_REPORT_CHINESE = messagesFor<typeof LEASE_REPORT_CODES>()({
  "lease-idle": "{hours} 小时内无人使用。",
  "lease-port-taken": "主机的其他程序占用了端口 {port}；将再次尝试。",
  "lease-ports-exhausted":
    "{first_port} 到 {last_port} 之间没有空闲端口：{held_ports} 个已占用，{resting_ports} 个需等待 10 分钟，试过的 {foreign_ports} 个属于其他程序。",
  "lease-ports-at-most": "此主机已占用 {max_ports} 个端口，已达上限。",
  "lease-address-foreign": "REMOTEGPU_LEASE_ADDRESS 的地址不属于此主机。",
  "lease-port-privileged": "REMOTEGPU_LEASE_PORTS 中低于 1024 的端口不能用于没有特权的中继。",
  "lease-files-too-many": "此主机上打开的文件过多。",
  "lease-not-bindable": "无法绑定该端口（{error_code}）。",
  "password-guessed":
    "密码猜测次数过多：协调世界时 {until} 之前，只有一周内登录过的地址可以使用密码；密钥和网页终端始终可用。",
});

export const SERVICE_REPORT_CHINESE = messagesFor<typeof SERVICE_REPORT_CODES>()({
  "service-port-closed": "容器中没有程序监听端口 {port}。",
  "service-port-without-ssh": "容器中监听端口 {port} 的程序没有作为 SSH 服务器响应。",
  "service-sessions-killed": "内核会终止会话启动的程序。",
  "container-processes-used-up": "容器已用尽可用的 {max_processes} 个进程数。",
  "container-memory-used-up": "容器已用尽可用的 {memory_mib} MiB 内存。",
  "container-memory-killed": "容器内存已用尽：内核已终止其中的程序。",
});
