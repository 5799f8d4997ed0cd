import type {
  DEVICE_REPORT_CODES,
  PROBE_REPORT_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/probes";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const PROBE_REPORT_CHINESE = messagesFor<typeof PROBE_REPORT_CODES>()({
  "probe-failing": "探测失败：{got}。",
  "probe-never-passed": "启动后 {seconds} 秒内未能提供服务：{got}。",
  "probes-failed": "连续 {failures} 次探测失败，最近一次：{got}。",
  "probe-request": "GET {path}",
  "probe-connection": "对端口 {port} 的连接",
  "probe-status": "{request} 的响应为 {status}",
  "probe-refused": "端口 {port} 无人监听",
  "probe-unanswered": "{request} 在 {seconds} 秒内没有响应",
  "probe-disconnected": "{request} 被断开",
  "probe-no-http": "{request} 的响应不是 HTTP",
  "probe-endless-head": "{request} 的响应头过多",
});

export const DEVICE_REPORT_CHINESE = messagesFor<typeof DEVICE_REPORT_CODES>()({
  "gpu-access-lost": "其容器失去了对 GPU {gpu_uuids} 的访问：主机的设备规则拒绝访问。",
  "gpu-access-restart": "重启即可恢复；{hours} 小时后由主机重启。没有 GPU 的时间不计费。",
  "gpu-nodes-removed": "容器内已删除：{nodes}。此后在其中启动的程序将找不到 GPU。",
  "gpu-gone-from-host": "GPU {gpu_uuid} 已从该主机消失。{why}（{fault_code}）。",
  "gpu-failed-on-host": "GPU {gpu_uuid} 发生故障。{why}（{fault_code}）。",
});
