import { messagesFor } from "../../messages.ts";
import type { KERNEL_CODES, PROGRAM_FAULT_CODES, RECOVERY_CODES } from "../codes/kernel.ts";

export const PROGRAM_FAULT_ENGLISH = messagesFor<typeof PROGRAM_FAULT_CODES>()({
  "program-stalled-on-gpu": "Your program's work on the GPU made no progress and was ended (Xid {xid}).",
  "program-commands-broken": "Your program's commands reached the GPU broken (Xid {xid}).",
  "program-access-illegal": "Your program made an illegal access or instruction on the GPU (Xid {xid}).",
  "program-memory-foreign": "Your program touched GPU memory that is not its own (Xid {xid}).",
  "program-work-ended": "Your program's work on the GPU was ended after an error of its own (Xid {xid}).",
  "program-work-ended-early":
    "Your program's work on the GPU was ended early, as happens when it ends or after another error (Xid {xid}).",
  "program-graphics-misused": "Your program used the GPU's graphics engine wrongly (Xid {xid}).",
  "program-copy-failed": "A copy that your program ordered failed on the GPU (Xid {xid}).",
  "program-video-failed": "The GPU's video engine met an error in your program's work (Xid {xid}).",
  "program-jpeg-failed": "The GPU's JPEG engine met an error in your program's work (Xid {xid}).",
  "program-flow-failed": "The GPU's optical flow engine met an error in your program's work (Xid {xid}).",
});

export const RECOVERY_ENGLISH = messagesFor<typeof RECOVERY_CODES>()({
  "xid-recovery-none": "Xid {xid}: the driver says that it needs no recovery.",
  "xid-recovery-reset": "Xid {xid}: the driver says that it needs a reset.",
  "xid-recovery-reboot": "Xid {xid}: the driver says that its host needs to be started anew.",
  "xid-recovery-drain": "Xid {xid}: the driver says that its traffic with other GPUs has to end.",
  "xid-recovery-drain-and-reset": "Xid {xid}: the driver says that it needs a reset once nothing runs on it.",
  "xid-recovery-unknown": "Xid {xid}: the driver says that it needs a recovery that is not known here.",
});

export const KERNEL_ENGLISH = messagesFor<typeof KERNEL_CODES>()({
  xid: "Xid {xid}: {meaning}.",
  "xid-not-in-table": "Xid {xid}: a number that is in no table of this version.",
  "xid-nvlink": "Xid {xid}: an NVLink error, met by a unit that is not named.",
  "xid-nvlink-of-unit": "Xid {xid}: an NVLink error, met by {unit}.",
  "xid-nvlink-on-link": "Xid {xid}: an NVLink error on link {link}, met by {unit}.",
  sxid: "SXid {sxid}: an error of NVSwitch {nvswitch}.",
  "sxid-fatal": "SXid {sxid}: a fatal error of NVSwitch {nvswitch}.",
  "gpu-not-initialised": "The driver could not initialise the GPU at {pci_address}.",
  "gpu-off-bus": "The driver says that the GPU fell off the bus.",
  "pcie-corrected": "Its PCIe link had a corrected error.",
  "pcie-uncorrected": "Its PCIe link had an uncorrected error.",
  "pcie-fatal": "Its PCIe link had a fatal error.",
  "program-fault-of-unknown-run": "Of a run that is not certain: {fault}",
  "kernel-log-lost":
    "Records of the kernel log were overwritten before they were read: errors of GPUs may be among them.",
});
