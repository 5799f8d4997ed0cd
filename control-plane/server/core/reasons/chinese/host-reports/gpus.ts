import type {
  GPU_CLOSURE_CODES,
  GPU_READING_CODES,
  GPU_SIGN_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/gpus";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const GPU_SIGN_CHINESE = messagesFor<typeof GPU_SIGN_CODES>()({
  "gpu-lost": "nvidia-smi 报告该 GPU 已丢失。",
  "gpu-requires-reset": "nvidia-smi 报告该 GPU 需要重置。",
  "gpu-recovery-reboot": "驱动程序要求重新启动主机以恢复该 GPU。",
  "gpu-recovery-reset": "驱动程序要求重置该 GPU。",
  "gpu-recovery-drain-p2p": "驱动程序要求停止该 GPU 与其他 GPU 的通信。",
  "gpu-recovery-drain-and-reset": "驱动程序要求先排空该 GPU，然后重置。",
  "gpu-without-power": "nvidia-smi 报告该 GPU 的外接电源线未连接。",
  "gpu-interrupts-faulty": "nvidia-smi 报告内核检测到该 GPU 的中断故障。",
  "gpu-values-unknown-error": "nvidia-smi 从该 GPU 读到的是错误而不是数值。",
  "gpu-values-err": "nvidia-smi 在该 GPU 的数值处显示 ERR!。",
  "gpu-fabric-unhealthy": "该 GPU 的 NVLink 网络不健康。",
  "gpu-fabric-in-progress": "该 GPU 尚未加入其 NVLink 网络：CUDA 程序无法在其上运行。",
  "gpu-without-answer": "nvidia-smi 能读取该主机的其他 GPU，但读不到这一块。",
});

export const GPU_READING_CHINESE = messagesFor<typeof GPU_READING_CODES>()({
  "gpu-power-unreadable": "nvidia-smi 在功率处显示错误。",
  "gpu-utilization-unreadable": "nvidia-smi 在利用率处显示错误。",
  "gpu-memory-errors-unreadable": "nvidia-smi 在显存错误数处显示错误。",
  "gpu-memory-repairs-unreadable": "nvidia-smi 在显存修复处显示错误。",
  "gpu-readings-missing": "nvidia-smi 没有给出它的读数。",
  "gpu-inforom-corrupted": "其 infoROM 已损坏。",
  "gpu-fabric-capacity-limited": "其 NVLink 网络未达到全部容量。",
  "gpu-fabric-bandwidth-degraded": "其 NVLink 网络未达到全部带宽。",
  "gpu-memory-errors": "驱动程序启动以来的不可纠正显存错误：{errors}。",
  "gpu-memory-errors-grown": "不可纠正显存错误：比之前多 {more} 个。",
  "gpu-memory-repair-pending": "有一个显存行或页等待重置 GPU 后修复。",
  "gpu-memory-repair-failed": "有一个显存行无法替换。",
  "gpu-at-temperature-limit": "温度为 {temperature_c} °C，已达上限。",
  "gpu-clocks-slowed": "时钟频率被压低：{throttle_reasons}。",
});

export const GPU_CLOSURE_CHINESE = messagesFor<typeof GPU_CLOSURE_CODES>()({
  "gpu-no-longer-listed": "它已消失：nvidia-smi 不再列出它。",
  "gpu-mig-enabled": "MIG 已开启：该 GPU 被切分，而工作负载只能使用整块 GPU。",
  "gpu-refused-to-container": "该主机的设备规则使占用它的容器无法使用它。",
  "gpu-attach-mode-missing": "无法提供给容器：该主机既没有 CDI 规范，也没有 NVIDIA 运行时。",
  "gpu-cdi-spec-missing": "无法提供给容器：该主机没有 CDI 规范列出它。",
});
