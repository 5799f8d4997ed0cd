import type {
  KERNEL_CODES,
  PROGRAM_FAULT_CODES,
  RECOVERY_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/kernel";
import { messagesFor } from "@remotegpu/shared/reasons/messages";

export const PROGRAM_FAULT_CHINESE = messagesFor<typeof PROGRAM_FAULT_CODES>()({
  "program-stalled-on-gpu": "您的程序在 GPU 上的任务没有进展，已被终止（Xid {xid}）。",
  "program-commands-broken": "您的程序发给 GPU 的命令已损坏（Xid {xid}）。",
  "program-access-illegal": "您的程序在 GPU 上执行了非法访问或非法指令（Xid {xid}）。",
  "program-memory-foreign": "您的程序访问了不属于它的 GPU 显存（Xid {xid}）。",
  "program-work-ended": "您的程序在 GPU 上的任务因自身错误被终止（Xid {xid}）。",
  "program-work-ended-early":
    "您的程序在 GPU 上的任务被提前终止，程序结束时或出现其他错误后会如此（Xid {xid}）。",
  "program-graphics-misused": "您的程序错误地使用了 GPU 的图形引擎（Xid {xid}）。",
  "program-copy-failed": "您的程序请求的一次复制在 GPU 上失败（Xid {xid}）。",
  "program-video-failed": "GPU 的视频引擎在处理您程序的任务时出错（Xid {xid}）。",
  "program-jpeg-failed": "GPU 的 JPEG 引擎在处理您程序的任务时出错（Xid {xid}）。",
  "program-flow-failed": "GPU 的光流引擎在处理您程序的任务时出错（Xid {xid}）。",
});

export const RECOVERY_CHINESE = messagesFor<typeof RECOVERY_CODES>()({
  "xid-recovery-none": "Xid {xid}：驱动程序称不需要恢复。",
  "xid-recovery-reset": "Xid {xid}：驱动程序称需要重置。",
  "xid-recovery-reboot": "Xid {xid}：驱动程序称需要重新启动主机。",
  "xid-recovery-drain": "Xid {xid}：驱动程序称必须停止与其他 GPU 的通信。",
  "xid-recovery-drain-and-reset": "Xid {xid}：驱动程序称在其上没有任务后需要重置。",
  "xid-recovery-unknown": "Xid {xid}：驱动程序称需要一种未知的恢复。",
});

export const KERNEL_CHINESE = messagesFor<typeof KERNEL_CODES>()({
  xid: "Xid {xid}：{meaning}。",
  "xid-not-in-table": "Xid {xid}：此版本的表中没有的编号。",
  "xid-nvlink": "Xid {xid}：NVLink 错误，出错单元未注明。",
  "xid-nvlink-of-unit": "Xid {xid}：NVLink 错误，出错单元为 {unit}。",
  "xid-nvlink-on-link": "Xid {xid}：链路 {link} 上的 NVLink 错误，出错单元为 {unit}。",
  sxid: "SXid {sxid}：NVSwitch {nvswitch} 出错。",
  "sxid-fatal": "SXid {sxid}：NVSwitch {nvswitch} 发生致命错误。",
  "gpu-not-initialised": "驱动程序无法初始化 {pci_address} 处的 GPU。",
  "gpu-off-bus": "驱动程序称 GPU 已从总线上脱离。",
  "pcie-corrected": "其 PCIe 链路出现已纠正的错误。",
  "pcie-uncorrected": "其 PCIe 链路出现未纠正的错误。",
  "pcie-fatal": "其 PCIe 链路出现致命错误。",
  "program-fault-of-unknown-run": "所属运行不确定：{fault}",
  "kernel-log-lost": "内核日志的部分记录在读取前已被覆盖：其中可能有 GPU 的错误。",
});
