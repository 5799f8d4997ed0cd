/** What the kernel log of a host says of its GPUs. Numbers are those of NVIDIA's driver. */
import type { CodeShapes } from "../../parameters.ts";

/** Errors of a program, to whose program it was. */
export const PROGRAM_FAULT_CODES = {
  "program-stalled-on-gpu": { xid: "number" },
  "program-commands-broken": { xid: "number" },
  "program-access-illegal": { xid: "number" },
  "program-memory-foreign": { xid: "number" },
  "program-work-ended": { xid: "number" },
  "program-work-ended-early": { xid: "number" },
  "program-graphics-misused": { xid: "number" },
  "program-copy-failed": { xid: "number" },
  "program-video-failed": { xid: "number" },
  "program-jpeg-failed": { xid: "number" },
  "program-flow-failed": { xid: "number" },
} as const satisfies CodeShapes;

/** Which recovery a GPU needs. */
export const RECOVERY_CODES = {
  "xid-recovery-none": { xid: "number" },
  "xid-recovery-reset": { xid: "number" },
  "xid-recovery-reboot": { xid: "number" },
  "xid-recovery-drain": { xid: "number" },
  "xid-recovery-drain-and-reset": { xid: "number" },
  "xid-recovery-unknown": { xid: "number" },
} as const satisfies CodeShapes;

export const KERNEL_CODES = {
  xid: { xid: "number", meaning: "phrase" },
  "xid-not-in-table": { xid: "number" },
  "xid-nvlink": { xid: "number" },
  "xid-nvlink-of-unit": { xid: "number", unit: "text" },
  "xid-nvlink-on-link": { xid: "number", link: "number", unit: "text" },
  sxid: { sxid: "number", nvswitch: "number" },
  "sxid-fatal": { sxid: "number", nvswitch: "number" },
  "gpu-not-initialised": { pci_address: "text" },
  "gpu-off-bus": {},
  "pcie-corrected": {},
  "pcie-uncorrected": {},
  "pcie-fatal": {},
  "program-fault-of-unknown-run": { fault: "whole" },
  "kernel-log-lost": {},
} as const satisfies CodeShapes;
