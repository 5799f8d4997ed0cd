/**
 * Reads Xid 154 out of what its line says behind the number: `GPU recovery action changed from 0x0 (None) to 0x4 (Drain
 * and Reset)`. The numbers are those of nvmlDeviceGpuRecoveryAction_t in NVML.
 */
import type { RECOVERY_CODES } from "@remotegpu/shared/reasons/host-reports/codes/kernel";
import type { KernelEffect } from "./kernel-finding.ts";

type Recovery = { effect: KernelEffect; code: keyof typeof RECOVERY_CODES };

/** By number; the words are ours. */
const ACTIONS: readonly Recovery[] = [
  { effect: "note", code: "xid-recovery-none" },
  { effect: "reset", code: "xid-recovery-reset" },
  { effect: "reboot", code: "xid-recovery-reboot" },
  { effect: "drain", code: "xid-recovery-drain" },
  { effect: "drain", code: "xid-recovery-drain-and-reset" },
];

const CHANGED = /GPU recovery action changed from 0x[0-9a-f]{1,8} \([^()]{0,40}\) to 0x([0-9a-f]{1,8}) \(/i;

/** A line that is cut off, or names an action that is new, says that something is wrong: nothing new comes. */
const UNKNOWN: Recovery = { effect: "drain", code: "xid-recovery-unknown" };

/** @param detail what stands behind the Xid's number */
export function judgeRecovery(detail: string): Recovery {
  const number = CHANGED.exec(detail)?.[1];
  return (number === undefined ? undefined : ACTIONS[Number.parseInt(number, 16)]) ?? UNKNOWN;
}
